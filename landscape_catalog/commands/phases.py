"""`landscape phases`: prints the phase of every cell, and what decides the labels."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.cell_parameters import CellParameters
from landscape_catalog.catalog.sources import CURRENT
from landscape_catalog.catalog.tables import MOVED_COLUMNS
from landscape_catalog.catalog.thresholds import found_thresholds
from landscape_catalog.commands.output import aligned
from landscape_catalog.phases import SURE, percent
from landscape_catalog.schema.tables import Row


def describe_phases(root: Path, source: str = CURRENT) -> str:
    """The cells with their place in the grid, phase and reason, then the criteria.

    Args:
        root: of the project.
        source: whose cells; see `open_catalog`.

    Raises:
        QueryError: if there is no such source.
        MissingArtifactError: if there is no catalog yet.
        DamagedFileError: if a file does not match its checksum.
    """
    catalog = open_catalog(root, source=source)
    cells = catalog.table("cells").join(catalog.table("phases"), on="cell_id", how="left")
    cells = cells.sort("position")
    experiment = catalog.table("experiments").row(0, named=True)
    axes = [axis["path"] for axis in json.loads(experiment["axes"])]
    several = len(json.loads(experiment["variants"])) > 1
    parameters = CellParameters(cells)
    coordinates = [parameters.values(path) for path in axes]
    rows = [
        [row["variant"]] * several
        + [str(values[i]) for values in coordinates]
        + [row["phase"], _percent(row["phase_probability"]), row["second_phase"] or ""]
        + [row["reason"]]
        for i, row in enumerate(cells.iter_rows(named=True))
    ]
    head = ["variant"] * several + [path.rpartition(".")[2] for path in axes]
    head += ["phase", "probability", "second", "reason"]
    lines = [*aligned([head, *rows]), "", _sure(catalog.table("phases"))]
    lines += _found(experiment)
    return "\n".join(lines + _criteria(catalog.table("criteria"), len(rows)))


def _found(experiment: Row) -> list[str]:
    """The thresholds that were found from the grid with a title; nothing if all are numbers."""
    found = found_thresholds(experiment)
    if not found:
        return []
    return ["", "Thresholds found from the grid:", *(f"{one.name}: {one.words}" for one in found)]


def _percent(probability: float | None) -> str:
    return "?" if probability is None else percent(probability)


def _sure(phases: pl.DataFrame) -> str:
    """How many labels are sure, and why some have no probability."""
    known = phases["phase_probability"].drop_nulls()
    sure = int((known >= SURE).sum())
    words = f"Sure labels (probability of at least {SURE:.0%}): {sure} of {phases.height}."
    reasons = phases["probability_reason"].drop_nulls().unique(maintain_order=True).to_list()
    if reasons:
        words += f" Unknown (?): {phases.height - len(known)}; {reasons[0]}."
    return words


def _criteria(criteria: pl.DataFrame, n_cells: int) -> list[str]:
    """The table of criteria with its title; nothing for a rule without criteria."""
    if criteria.is_empty():
        return []
    shifts = [f"{factor - 1:+.0%}" for factor in MOVED_COLUMNS.values()]
    head = ["criterion", "", "without", *shifts]
    rows = [
        [
            row["criterion"],
            f"{row['metric']} {row['relation']} {row['threshold']:g}",
            *(str(row[name]) for name in ("changed_without", *MOVED_COLUMNS)),
        ]
        for row in criteria.iter_rows(named=True)
    ]
    title = (
        f"How many of the {n_cells} labels change without a criterion, or with another threshold:"
    )
    return ["", title, *aligned([head, *rows])]
