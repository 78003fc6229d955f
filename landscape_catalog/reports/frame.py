"""The catalog's cells as rows that charts can draw: places on the axes, colours, words."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from landscape_catalog.catalog import CELL_METRICS

Row = dict[str, Any]
# Parameters that run against the arrow of their axis: noise falls to the right, batch size upwards.
FALLING = {"load.label_noise", "load.pixel_noise", "temperature.batch_size"}

AXIS_TITLES = {
    "load.width": "width k",
    "load.samples": "training samples",
    "load.label_noise": "label noise",
    "load.pixel_noise": "pixel noise",
    "temperature.batch_size": "batch size",
    "temperature.lr": "learning rate",
    "temperature.weight_decay": "weight decay",
}


@dataclass(frozen=True)
class Axis:
    """One drawn axis: its path, title, and labels from left to right or from top to bottom."""

    path: str
    title: str
    labels: list[str]

    @property
    def column(self) -> str:
        """The column of the catalog."""
        return self.path.split(".")[1]


@dataclass(frozen=True)
class ReportData:
    """Everything that the charts draw."""

    x: Axis
    y: Axis
    cells: list[Row]
    facets: list[str]
    epochs: list[Row]
    points: list[Row]


def label(value: Any) -> str:
    """A parameter's value as it is written on an axis.

    >>> [label(value) for value in (16, 0.05, 5e-4, 0.0, 1234567)]
    ['16', '0.05', '0.0005', '0', '1234567']
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def spoken(mean: float | None, sd: float | None, n: int | None) -> str:
    """A mean with its spread and count.

    >>> spoken(1.23456, 0.1, 3), spoken(2.0, None, 1), spoken(None, None, 0)
    ('1.235 ± 0.1 (sd, n = 3)', '2 (n = 1)', 'missing')
    """
    if mean is None or not n:
        return "missing"
    spread = f" ± {sd:.2g} (sd, n = {n})" if sd is not None else f" (n = {n})"
    return f"{mean:.4g}{spread}"


def report_data(
    tables: dict[str, pl.DataFrame], *, x: str | None = None, y: str | None = None
) -> ReportData:
    """Lay the catalog's cells out on two axes; every other axis becomes a facet.

    Args:
        tables: the catalog.
        x: path of the parameter along x; None takes the first axis under `load`, else the width.
        y: path of the parameter along y; None takes the first under `temperature`, else the batch
            size.
    """
    axes = [axis["path"] for axis in json.loads(tables["experiments"]["axes"][0])]
    x = x or next((path for path in axes if path.startswith("load.")), "load.width")
    y = y or next(
        (path for path in axes if path.startswith("temperature.")), "temperature.batch_size"
    )
    extra = [path for path in axes if path not in (x, y)]
    wide = _wide_cells(tables)
    x_axis, y_axis = _axis(wide, x, vertical=False), _axis(wide, y, vertical=True)
    cells = [_cell_row(row, x_axis, y_axis, extra) for row in wide.iter_rows(named=True)]
    places = {
        row["cell_id"]: {key: row[key] for key in ("x", "y", "facet", "phase")} for row in cells
    }
    return ReportData(
        x=x_axis,
        y=y_axis,
        cells=cells,
        facets=list(dict.fromkeys(row["facet"] for row in cells)),
        epochs=_epoch_rows(tables, places),
        points=_point_rows(tables, places),
    )


def _wide_cells(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    wide = tables["cell_metrics"].pivot(on="metric", index="cell_id", values=["mean", "sd", "n"])
    phases = tables["phases"].select("cell_id", "phase", "reason", "ambiguous", "doubtful")
    cells = tables["cells"].join(phases, on="cell_id").join(wide, on="cell_id")
    return cells.sort("position")


def _axis(cells: pl.DataFrame, path: str, *, vertical: bool) -> Axis:
    values = sorted(cells[path.split(".")[1]].unique().to_list())
    # Left to right the load must fall; top to bottom the temperature must.
    if (path in FALLING) != vertical:
        values.reverse()
    arrow = "↑ hotter" if vertical else "less load →"
    return Axis(path, f"{AXIS_TITLES[path]}   ({arrow})", [label(value) for value in values])


def _cell_row(row: Row, x: Axis, y: Axis, extra: list[str]) -> Row:
    shown: Row = {
        "cell_id": row["cell_id"],
        "x": label(row[x.column]),
        "y": label(row[y.column]),
        "facet": ", ".join(
            f"{AXIS_TITLES[path]} {label(row[path.split('.')[1]])}" for path in extra
        ),
        "phase": row["phase"],
        "reason": row["reason"],
        "runs": f"{row['n_converged']} of {row['n_runs']} converged",
        "note": _note(row),
    }
    for metric in CELL_METRICS:
        mean = row[f"mean_{metric}"]
        shown[metric] = mean
        shown[f"{metric} text"] = spoken(mean, row[f"sd_{metric}"], row[f"n_{metric}"])
    for metric in ("top_eigenvalue", "trace", "train_loss"):
        value = shown[metric]
        shown[f"ln {metric}"] = math.log(value) if value is not None and value > 0 else None
    return shown


def _note(row: Row) -> str:
    notes = []
    if row["ambiguous"]:
        notes.append("connectivity is ambiguous")
    if row["doubtful"]:
        notes.append("called flat, but its training loss is over 10 times the flat cells' median")
    return "; ".join(notes)


def _epoch_rows(tables: dict[str, pl.DataFrame], places: dict[str, Row]) -> list[Row]:
    runs = tables["runs"].select("run_id", "cell_id", "seed")
    epochs = tables["epochs"].join(runs, on="run_id").sort("cell_id", "seed", "epoch")
    return [
        {
            "seed": row["seed"],
            "epoch": row["epoch"],
            "train_loss": row["train_loss"],
            "train_error": row["train_error"],
            **places[row["cell_id"]],
        }
        for row in epochs.iter_rows(named=True)
    ]


def _point_rows(tables: dict[str, pl.DataFrame], places: dict[str, Row]) -> list[Row]:
    pairs = tables["pairs"].select("run_id", "other_run_id", "seed", "other_seed")
    points = (
        tables["curve_points"]
        .join(pairs, on=["run_id", "other_run_id"])
        .sort("cell_id", "seed", "other_seed", "t")
    )
    return [
        {
            "pair": f"{row['seed']}-{row['other_seed']}",
            "t": row["t"],
            "train_error": row["train_error"],
            "test_error": row["test_error"],
            "train_loss": row["train_loss"],
            **places[row["cell_id"]],
        }
        for row in points.iter_rows(named=True)
    ]
