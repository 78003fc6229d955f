"""Made-up experiments: catalogs with whole keys, from the parameters and metrics of their cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog import TABLES, packed_tables
from landscape_catalog.catalog.tables import LOAD, TEMPERATURE, frame_of
from landscape_catalog.metrics.registry import QUANTITIES

Row = dict[str, Any]
COLUMNS = {f"load.{column.name}": column.name for column in LOAD} | {
    f"temperature.{column.name}": column.name for column in TEMPERATURE
}
"""The column of each parameter that has one; the others are in `extra`."""


@dataclass(frozen=True)
class MadeUpCell:
    """A cell.

    Attributes:
        at: its parameters by dotted path.
        metrics: the mean of each metric; the others are missing.
        errors: standard errors of the means.
        phase: under the experiment's thresholds.
        variant: of the grid.
        facts: what else its column `extra` holds.
        cell_id: None: made from the position.
    """

    at: Mapping[str, Any]
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    phase: str = "IV-B"
    variant: str = "base"
    facts: Mapping[str, Any] = field(default_factory=dict)
    cell_id: str | None = None


def made_up_tables(
    cells: Sequence[MadeUpCell],
    *,
    experiment_id: str = "e",
    classification_id: str = "k",
    ranked_by: str = "test_accuracy",
    metrics: Sequence[str] = tuple(QUANTITIES),
) -> dict[str, pl.DataFrame]:
    """The catalog's tables.

    Args:
        cells: of the experiment, in the order of the grid.
        experiment_id: its id.
        classification_id: of its thresholds.
        ranked_by: the metric by which cells are ranked.
        metrics: of which each cell has a row in `cell_metrics`, known or missing.
    """
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    key = {"experiment_id": experiment_id}
    phase_key = key | {"classification_id": classification_id}
    rows["experiments"] = [phase_key | {"performance_metric": ranked_by, "kind": "images"}]
    landscapes: dict[str, Row] = {}
    for position, cell in enumerate(cells):
        cell_id = cell.cell_id or f"{experiment_id}{position:05}"
        load = {path: value for path, value in cell.at.items() if path.startswith("load.")}
        landscape_id = json.dumps(load)
        landscapes[landscape_id] = {"landscape_id": landscape_id, **_columns(load)}
        rows["cells"].append(
            key | _columns(cell.at) | {
                "cell_id": cell_id,
                "landscape_id": landscape_id,
                "position": position,
                "variant": cell.variant,
                "extra": json.dumps({p: v for p, v in cell.at.items() if p not in COLUMNS} | dict(cell.facts)),
            }
        )  # fmt: skip
        for metric in metrics:
            mean = cell.metrics.get(metric)
            rows["cell_metrics"].append(
                key | {
                    "cell_id": cell_id,
                    "metric": metric,
                    "probe": "primary",
                    "mean": mean,
                    "n": 0 if mean is None else 3,
                    "standard_error": cell.errors.get(metric),
                    "status": "missing" if mean is None else "ok",
                }
            )  # fmt: skip
        rows["phases"].append(phase_key | {"cell_id": cell_id, "phase": cell.phase})
    rows["landscapes"] = list(landscapes.values())
    return {name: frame_of(table, rows[name]) for name, table in TABLES.items()}


def _columns(at: Mapping[str, Any]) -> Row:
    return {COLUMNS[path]: value for path, value in at.items() if path in COLUMNS}


def write_source(folder: Path, tables: dict[str, pl.DataFrame]) -> Path:
    """Tables as a source in a folder."""
    folder.mkdir(parents=True)
    for name, content in packed_tables(tables).items():
        (folder / name).write_bytes(content)
    return folder
