"""Line data of the cells: training loss by epoch, and the curves between runs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import polars as pl

from landscape_catalog.metrics.barrier.spec import LINE
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.data.numbers import rounded
from landscape_catalog.schema.tables import Row

MOST_POINTS_A_LINE, FEWEST_POINTS_A_LINE = 40, 8
MOST_POINTS = 50_000
FIGURES = 4
DENSITY_POINTS = 80


@dataclass(frozen=True)
class Curves:
    """All curves of one connectivity probe.

    Attributes:
        probe: name of the probe in the catalog.
        label: name of the probe in params.yaml; empty if there is only one probe.
        method: how the curves are fitted.
        quantity: `error` or `loss` on the training data.
        unit: unit of this quantity.
        lines: one row per curve, with lists `t`, `train` and `test`.
    """

    probe: str
    label: str
    method: str
    quantity: str
    unit: str
    lines: list[Row]


def chosen_epochs(n: int, most: int) -> list[int]:
    """Indices of the epochs to draw: all, or evenly spaced ones including the first and last.

    >>> chosen_epochs(3, 8), chosen_epochs(10, 4)
    ([0, 1, 2], [0, 3, 6, 9])
    """
    if n <= most:
        return list(range(n))
    return [round(i * (n - 1) / (most - 1)) for i in range(most)]


def points_a_line(n_lines: int) -> int:
    """Number of points drawn per line, chosen to keep the page small.

    >>> points_a_line(10), points_a_line(2000), points_a_line(20_000)
    (40, 25, 8)
    """
    room = MOST_POINTS // max(n_lines, 1)
    return min(max(room, FEWEST_POINTS_A_LINE), MOST_POINTS_A_LINE)


def training_lines(tables: Tables, data: ReportData) -> list[Row]:
    """One row per run, with lists `epoch` and `train_loss`."""
    places = _places(data)
    runs = tables["runs"].select("run_id", "cell_id", "seed")
    lines = (
        tables["epochs"]
        .join(runs, on="run_id")
        .sort("epoch")
        .group_by("cell_id", "seed")
        .agg("epoch", "train_loss")
        .sort("cell_id", "seed")
    )
    most = points_a_line(lines.height)
    rows = []
    for line in lines.iter_rows(named=True):
        chosen = chosen_epochs(len(line["epoch"]), most)
        values = {
            "seed": line["seed"],
            "epoch": [line["epoch"][i] for i in chosen],
            "train_loss": [rounded(line["train_loss"][i], FIGURES) for i in chosen],
        }
        rows.append(places[line["cell_id"]] | values)
    return rows


def curves(tables: Tables, data: ReportData) -> list[Curves]:
    """The curves of every connectivity probe, the primary first."""
    return [
        _curves(tables, data, column.probe, column.label, column.method)
        for column in data.columns_of("mode_connectivity")
    ]


def _curves(tables: Tables, data: ReportData, probe: str, label: str, method: str) -> Curves:
    found = tables["curves"].filter(pl.col("probe") == probe).select("quantity", "unit").unique()
    by = "error" if data.performance.metric == "test_accuracy" else "loss"
    default = (by, data.units[f"train_{by}"])
    quantity, unit = found.row(0) if found.height == 1 else default
    lines = _curve_lines(tables, data, probe, quantity)
    return Curves(probe, label, method, quantity, unit, lines)


def _curve_lines(tables: Tables, data: ReportData, probe: str, quantity: str) -> list[Row]:
    places = _places(data)
    pairs = tables["pairs"].select("run_id", "other_run_id", "seed", "other_seed")
    key, lengths = ["run_id", "other_run_id", "fit"], ["fit_length", "length_unit", "converged"]
    fits = tables["curves"].filter(pl.col("probe") == probe).select(*key, *lengths)
    lines = (
        tables["curve_points"]
        .filter(pl.col("probe") == probe)
        .join(pairs, on=["run_id", "other_run_id"])
        .join(fits, on=key, how="left")
        .sort("t")
        .group_by("cell_id", "seed", "other_seed", "fit", *lengths)
        .agg("t", train=f"train_{quantity}", test=f"test_{quantity}")
        .sort("cell_id", "seed", "other_seed", "fit")
    )
    return [
        {
            **places[line["cell_id"]],
            "pair": f"{line['seed']} and {line['other_seed']}"
            + (f", fit {line['fit'] + 1}" if line["fit"] else ""),
            "length": fit_words(line),
            "doubt": line["converged"] is False,
            "kind": "straight line" if probe == LINE else "curve",
            "t": line["t"],
            "train": [rounded(value, FIGURES) for value in line["train"]],
            "test": [rounded(value, FIGURES) for value in line["test"]],
        }
        for line in lines.iter_rows(named=True)
    ]


def fit_words(fit: Row) -> str:
    """The length of a fit and whether it has converged.

    >>> fit_words({"fit_length": 100, "length_unit": "epochs", "converged": True})
    '100 epochs, converged'
    >>> fit_words({"fit_length": None, "length_unit": None, "converged": None})
    'not known whether it has converged'
    """
    verdicts = {True: "converged", False: "not converged"}
    verdict = verdicts.get(fit["converged"], "not known whether it has converged")
    if fit["fit_length"] is None:
        return verdict
    return f"{fit['fit_length']} {fit['length_unit']}, {verdict}"


def straight_lines(tables: Tables, data: ReportData, quantity: str) -> list[Row]:
    """Training error or loss along the straight line of each pair, where it was measured."""
    return _curve_lines(tables, data, LINE, quantity)


def densities(tables: Tables, data: ReportData) -> list[Row]:
    """One row per run with a spectral density, with lists `value` and `density`."""
    places = _places(data)
    lines = (
        tables["densities"]
        .join(tables["runs"].select("run_id", "cell_id", "seed"), on="run_id")
        .sort("grid_value")
        .group_by("cell_id", "seed")
        .agg("grid_value", "density")
        .sort("cell_id", "seed")
    )
    rows = []
    for line in lines.iter_rows(named=True):
        chosen = chosen_epochs(len(line["density"]), DENSITY_POINTS)
        rows.append(
            places[line["cell_id"]]
            | {
                "seed": line["seed"],
                "value": [rounded(line["grid_value"][i], FIGURES) for i in chosen],
                "density": [rounded(line["density"][i], FIGURES) for i in chosen],
            }
        )
    return rows


def fill_grid(lines: list[Row], data: ReportData) -> list[Row]:
    """The lines, with an empty line added for each place of a facet that has none.

    Vega-Lite leaves out rows and columns without data, which would misalign the small multiples.
    """
    if not lines:
        return []
    empty = {name: [None] if isinstance(value, list) else None for name, value in lines[0].items()}
    known = {(line["f"], line["x"], line["y"]) for line in lines}
    places = itertools.product(range(len(data.facets)), data.x.labels, data.y.labels)
    return lines + [
        empty | {"f": f, "x": x, "y": y} for f, x, y in places if (f, x, y) not in known
    ]


def _places(data: ReportData) -> dict[str, Row]:
    return {
        row["cell_id"]: {key: row[key] for key in ("i", "f", "x", "y", "phase")}
        for row in data.cells
    }
