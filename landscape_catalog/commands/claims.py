"""`landscape claims`: prints the paper's claims with their verdicts on a catalog."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

from landscape_catalog.catalog.claims import claim_record, judged_claims
from landscape_catalog.catalog.diagram import READ
from landscape_catalog.catalog.sources import CURRENT, source_named
from landscape_catalog.commands.output import aligned
from landscape_catalog.paths import Project
from landscape_catalog.phases.claims import TAIL, JudgedClaim, number, revisions_words
from landscape_catalog.schema.strict_json import strict_json

WIDTH = 120  # of paragraphs


def describe_claims(root: Path, source: str = CURRENT, *, as_json: bool = False) -> str:
    """Every claim with its effect, interval and verdict, and the reason for each verdict.

    Args:
        root: of the project.
        source: on whose cells the claims are judged.
        as_json: whether to write JSON.

    Raises:
        QueryError: if there is no such source.
        MissingArtifactError: if there is no catalog yet.
        DamagedFileError: if a file does not match its checksum.
    """
    found = source_named(Project(root), source)
    tables = found.tables(READ)
    judged = judged_claims(tables)
    if as_json:
        experiment, classification = found.ids
        return strict_json(
            {
                "source": source,
                "experiment_id": experiment,
                "classification_id": classification,
                "n_cells": tables["cells"].height,
                "claims": [claim_record(one) for one in judged],
            },
            indent=2,
        )
    head = ["claim", "along", "effect", "interval", "unit", "verdict"]
    lines = aligned([head, *(row for one in judged for row in _rows(one))])
    blocks = [lines if judged else [], _rule(judged), list(map(_reason, judged))]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _rows(judged: JudgedClaim) -> list[list[str]]:
    """The effect that decides, then the same effect along other axes with what it alone says."""
    if not judged.parts:
        return [[judged.claim.name, "", "", "", "", judged.verdict]]
    first, *others = [
        [part.axis, number(part.effect.value), part.interval, part.part.unit]
        for part in judged.by_axis
    ]
    found = [[judged.claim.name, *first, judged.verdict]]
    for row, part in zip(others, judged.by_axis[1:]):
        found.append(["", *row, f"({part.finding})"])
    return found


def _rule(judged: list[JudgedClaim]) -> list[str]:
    """What intervals and verdicts mean, in a few lines."""
    n_tested = sum(bool(one.parts) for one in judged)
    if not n_tested:
        return ["No claim can be tested on this catalog."]
    words = (
        f"{n_tested} of {len(judged)} claims can be tested. A claim is supported if the whole "
        "interval of each of its parts is where its margin says, along each axis by itself. The "
        "table shows the part that decides, in brackets along the other axes. Intervals are as "
        "wide as it takes for the chance that any false claim is supported to be at most "
        f"{TAIL:.0%} (docs/claims.md). {revisions_words()}"
    )
    return wrap(words, WIDTH)


def _reason(judged: JudgedClaim) -> str:
    """The claim and why it has its verdict; all parts if there are several."""
    lines = [f"{judged.claim.name}: {judged.verdict}", f"  {judged.claim.statement}"]
    lines.append(f"  Source: {judged.claim.source}")
    lines.append(f"  {judged.why}")
    others = [part for part in judged.parts if part is not judged.deciding]
    lines += [f"    - {part.finding}: {part.why}" for part in others]
    lines += [f"    - not tested: {words}" for words in judged.untested]
    return "\n".join(lines)
