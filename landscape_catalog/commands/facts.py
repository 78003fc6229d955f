"""`landscape facts`: prints what the phase diagram of an experiment shows."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.sources import CURRENT
from landscape_catalog.commands.output import aligned
from landscape_catalog.phases.facts import Areas, Boundaries, Facts
from landscape_catalog.phases.facts.boundary_words import band_words
from landscape_catalog.phases.facts.words import setting_words, shown, title
from landscape_catalog.schema.strict_json import strict_json

MOST_LINES = 40  # of a table


def describe_facts(root: Path, source: str = CURRENT, *, as_json: bool = False) -> str:
    """The facts as sentences with tables of the areas and boundaries, or as JSON.

    Args:
        root: of the project.
        source: whose diagram; see `open_catalog`.
        as_json: whether to give all numbers as JSON, with the keys of docs/facts.md.

    Raises:
        QueryError: if there is no such source, or several are asked for.
        MissingArtifactError: if there is no catalog yet.
        DamagedFileError: if a file does not match its checksum.
    """
    facts = open_catalog(root, source=source).facts()
    if as_json:
        return strict_json(facts.as_dict(), indent=2)
    if not facts.words:
        return "Nothing can be said: no cell has a phase or a value of the metric that ranks cells."
    return "\n\n".join(map("\n".join, _chapters(facts)))


def _chapters(facts: Facts) -> list[list[str]]:
    whole = [areas for areas in facts.areas if not areas.settings]
    chapters = []
    if whole:
        chapters.append(["Areas of the phases", *_area_table(whole[0])])
        chapters[-1] += [areas.words for areas in whole[1:]]
    for boundaries in facts.boundaries:
        sides = f"From {boundaries.first_side} to {boundaries.second_side}"
        head = f"{sides} along {title(boundaries.axis)}"
        chapters.append([head, boundaries.words, *_boundary_table(boundaries)])
    chapters.append(["Best cell", *(fact.words for fact in facts.best)])
    chapters.append(["Double descent", *(fact.words for fact in facts.descents)])
    chapters.append(["Gain", *(fact.words for fact in facts.gains)])
    return [chapter for chapter in chapters if len(chapter) > 1]


def _area_table(areas: Areas) -> list[str]:
    rows = [["phase", "cells", "of cells", "of area"]]
    known = any(one.expected is not None for one in areas.phases)
    if known:
        rows[0] += ["expected cells", "expected area"]
    for one in areas.phases:
        row = [one.phase, str(one.count), f"{one.share:.1%}", f"{one.area:.1%}"]
        if known:
            row += [
                f"{one.expected:.1f} ({one.expected_low} to {one.expected_high})",
                f"{one.area_expected:.1%} ({one.area_low:.1%} to {one.area_high:.1%})",
            ]
        rows.append(row)
    return aligned(rows)


def _boundary_table(boundaries: Boundaries) -> list[str]:
    """The lines with a boundary; none if they are many, since `--json` has them."""
    changing = [line for line in boundaries.lines if line.position is not None]
    if not 1 < len(changing) <= MOST_LINES:
        return []
    rows = [["at", title(boundaries.axis), "band", "changes"]]
    for line in changing:
        where = setting_words(line.settings, line.variant)
        rows.append([where, shown(line.position), band_words(line), str(line.n_changes)])
    return aligned(rows)
