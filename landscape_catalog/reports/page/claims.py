"""The section of the report with the paper's claims and their verdicts on these cells."""

from __future__ import annotations

from landscape_catalog.phases.claims import (
    TAIL,
    JudgedClaim,
    JudgedPart,
    judge_claims,
    number,
    revisions_words,
)
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.reports.page.markup import collapsible, hint, section, table, text
from landscape_catalog.schema.words import counted

_FINDINGS = {
    "supported": ("yes", "supported"),
    "undecided": ("open", "not supported: undecided"),
    "too small": ("no", "not supported: too small an effect"),
    "contradicted": ("no", "not supported: contradicted"),
}
"""How a finding is shown: its class in the style sheet, and the verdict in words."""


def claims_section(cells: Diagram) -> str:
    """Every claim that could be tested, then the others with what would be needed.

    Empty if none could be tested.
    """
    judged = judge_claims(cells)
    tested = [one for one in judged if one.parts]
    if not tested:
        return ""
    confidence = tested[0].confidence or 0.0
    words = (
        f"Empirical claims of the paper, judged on these cells. {counted(len(tested), 'claim')} "
        f"of {len(judged)} can be tested. A claim is supported if the whole interval of each of "
        "its effects, along each axis by itself, is on the right side of its margin, the smallest "
        f"effect that counts. Each interval is at {confidence:.1%}, so that the chance that any "
        f"false claim is supported is at most {TAIL:.0%} (docs/claims.md). Below each claim stands "
        "the effect that decides, as it was measured, and the same effect along the other axes."
    )
    rows = "".join(map(_rows, tested))
    names = ("Claim", "Verdict", "Along", "Effect", "Interval", "Margin", "Unit")
    head = "".join(f"<th>{name}</th>" for name in names)
    untested = [one for one in judged if not one.parts]
    return section(
        "<h2>Claims of the paper</h2>",
        hint(words),
        hint(revisions_words()),
        f'<div class="wide"><table class="claims"><tr>{head}</tr>{rows}</table></div>',
        collapsible("Every effect, and why each verdict", _details(tested)),
        collapsible("Claims that cannot be tested here, and why", _untested(untested))
        if untested
        else "",
    )


def _rows(judged: JudgedClaim) -> str:
    """The effect that decides, then the same effect along other axes with what it alone says."""
    first, *others = judged.by_axis
    statement = f'{text(judged.claim.statement)}<div class="measured">{text(first.part.name)}</div>'
    along_others = (
        _row("", part, _FINDINGS[part.finding][0], f"({part.finding})") for part in others
    )
    return "".join([_row(statement, first, *_FINDINGS[first.finding]), *along_others])


def _row(statement: str, part: JudgedPart, kind: str, words: str) -> str:
    cells = (
        statement,
        f'<span class="verdict {kind}">{text(words)}</span>',
        text(part.axis or "all cells"),
        number(part.effect.value),
        part.interval,
        text(part.part.margin.words),
        text(part.part.unit),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _details(judged: list[JudgedClaim]) -> str:
    """A list of the effects of each claim."""
    items = []
    for one in judged:
        parts = "".join(f"<li>{text(part.finding)}: {text(part.why)}</li>" for part in one.parts)
        parts += "".join(f"<li>not tested: {text(words)}</li>" for words in one.untested)
        items.append(
            f"<h3>{text(one.claim.name)}</h3><p>{text(one.claim.statement)} "
            f'<span class="lead">({text(one.claim.source)})</span></p><ul>{parts}</ul>'
        )
    return "".join(items)


def _untested(judged: list[JudgedClaim]) -> str:
    rows = [(one.claim.statement, one.why) for one in judged]
    return table(rows, head=("Claim", "Why not"))
