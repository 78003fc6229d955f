"""The section of the report with the paper's claims and their verdicts on these cells."""

from __future__ import annotations

from landscape_catalog.catalog.claims import judged_claims
from landscape_catalog.phases.claims import JudgedClaim, number
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.page.markup import collapsible, hint, section, table, text
from landscape_catalog.schema.words import counted

_FINDINGS = {
    "supported": ("yes", "supported"),
    "undecided": ("open", "not supported: undecided"),
    "too small": ("no", "not supported: too small an effect"),
    "contradicted": ("no", "not supported: contradicted"),
}
"""How a finding is shown: its class in the style sheet, and the verdict in words."""


def claims_section(tables: Tables) -> str:
    """Every claim that could be tested, then the others with what would be needed.

    Empty if none could be tested.
    """
    judged = judged_claims(tables)
    tested = [one for one in judged if one.parts]
    if not tested:
        return ""
    confidence = tested[0].confidence or 0.0
    words = (
        f"Empirical claims of the paper, judged on these cells. {counted(len(tested), 'claim')} "
        f"of {len(judged)} can be tested. A claim is supported if the whole interval is on the "
        "right side of its margin, the smallest effect that counts, fixed before any data "
        f"were seen. Each interval is at {confidence:.1%}, so that all of them hold together "
        "(docs/claims.md). Below each claim stands the effect that decides, as it was measured."
    )
    rows = "".join(map(_row, tested))
    head = "".join(
        f"<th>{name}</th>" for name in ("Claim", "Verdict", "Effect", "Interval", "Margin", "Unit")
    )
    untested = [one for one in judged if not one.parts]
    return section(
        "<h2>Claims of the paper</h2>",
        hint(words),
        f'<div class="wide"><table class="claims"><tr>{head}</tr>{rows}</table></div>',
        collapsible("Every effect, and why each verdict", _details(tested)),
        collapsible("Claims that cannot be tested here, and why", _untested(untested))
        if untested
        else "",
    )


def _row(judged: JudgedClaim) -> str:
    part = judged.deciding
    assert part is not None
    kind, words = _FINDINGS[part.finding]
    cells = (
        f'{text(judged.claim.statement)}<div class="measured">{text(part.part.name)}</div>',
        f'<span class="verdict {kind}">{text(words)}</span>',
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
        items.append(
            f"<h3>{text(one.claim.name)}</h3><p>{text(one.claim.statement)} "
            f'<span class="lead">({text(one.claim.source)})</span></p><ul>{parts}</ul>'
        )
    return "".join(items)


def _untested(judged: list[JudgedClaim]) -> str:
    rows = [(one.claim.statement, one.why) for one in judged]
    return table(rows, head=("Claim", "Why not"))
