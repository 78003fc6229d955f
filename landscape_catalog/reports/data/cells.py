"""The catalog's cells as rows for charts: positions on the axes, numbers and text."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from landscape_catalog.catalog.tables import LOAD, TEMPERATURE
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.phases import NC, Rule
from landscape_catalog.reports.data.axes import Axis, label, make_axis, ordered
from landscape_catalog.reports.data.cell_words import (
    NOT_CONVERGED,
    cell_texts,
    format_mean,
    override,
)
from landscape_catalog.reports.data.metric_columns import (
    MetricColumn,
    PerformanceMetric,
    Tables,
    metric_columns,
    metric_units,
    performance_metric,
)
from landscape_catalog.reports.data.numbers import rounded
from landscape_catalog.reports.data.stability import compared_means, room_rows
from landscape_catalog.reports.data.sureness import label_row
from landscape_catalog.schema.parameters import parameter
from landscape_catalog.schema.tables import Row

DEFAULT_X, DEFAULT_Y = "load.width", "temperature.batch_size"


@dataclass(frozen=True)
class ReportData:
    """The data of all charts of cells.

    Attributes:
        x: the x axis, a load parameter.
        y: the y axis, a temperature parameter.
        cells: one row per cell: its edges and middle on both axes, text, and their
            metrics.
        facets: headings of the facets, in order: the values of all other parameters that vary.
        loads: the facets without variants and temperatures; each has a gain plot.
        variants: names of the variants, `base` first.
        metric_columns: every metric for every probe and snapshot.
        performance: the metric by which cells are ranked.
        units: unit of each metric.
        rule: the rule by which the cells were classified.
        recorded: the metrics of which the catalog says anything, be it that they are missing.
        deciding: the metrics that the rule's table compares, unrounded; NaN: missing, (cells,).
    """

    x: Axis
    y: Axis
    cells: list[Row]
    facets: list[str]
    loads: list[str]
    variants: list[str]
    metric_columns: list[MetricColumn]
    performance: PerformanceMetric
    units: dict[str, str]
    rule: Rule
    recorded: frozenset[str]
    deciding: Mapping[str, np.ndarray]

    def columns_of(self, metric: str) -> list[MetricColumn]:
        """A metric for each of its probes or snapshots, the primary one first."""
        return [column for column in self.metric_columns if column.metric == metric]

    def best_of(self, cells: Iterable[Row]) -> Row | None:
        """The first cell with the best performance among those that have one and have converged."""
        metric = self.performance.metric
        usable = [c for c in cells if c["phase"] != NC.name and c.get(metric) is not None]
        if not usable:
            return None
        best = self.performance.best([cell[metric] for cell in usable])
        return next(cell for cell in usable if cell[metric] == best)

    def place_words(self, cell: Row) -> str:
        """Where a cell lies: the values of both axes, and the facet if there are several."""
        place = f"{self.x.name} {cell['x']}, {self.y.name} {cell['y']}"
        return f"{place}, {cell['facet']}" if len(self.facets) > 1 else place


def report_data(tables: Tables, settings: Report | None = None) -> ReportData:
    """Arrange the catalog's cells on two axes; variants and all other axes become facets.

    Args:
        tables: the catalog.
        settings: the two axes and their scales, and the metrics to draw. An axis that is not named
            is the grid's first one under `load` (or `temperature`), or else width (or batch size).
    """
    settings = settings or Report()
    experiment = tables["experiments"].row(0, named=True)
    variants = json.loads(experiment["variants"])
    x, y, others = _paths(experiment, settings)
    cells = [_with_values(row) for row in _cell_rows(tables)]
    x_axis = make_axis(x, [cell.get(x) for cell in cells], settings.x_scale, vertical=False)
    y_axis = make_axis(y, [cell.get(y) for cell in cells], settings.y_scale, vertical=True)
    found, numbers = metric_columns(tables, settings.panels or ()), _numbers(tables)
    doubtful = {(m, probe) for (_, m, probe), n in numbers.items() if n["status"] == NOT_CONVERGED}
    loads = [path for path in others if path.startswith("load.")]
    rule = rule_in_effect(experiment)
    deciding = compared_means(cells, rule, numbers)
    room = room_rows(cells, rule, deciding)
    rows = [
        {
            "cell_id": cell["cell_id"],
            "i": i,
            "facet": _facet(cell, others, variants),
            "load": _facet(cell, loads, []),
            **_position(cell, x_axis, y_axis),
            **cell_texts(cell, numbers.get((cell["cell_id"], "mode_connectivity", PRIMARY))),
            **label_row(cell, rule),
            "set": " ".join(override(path, cell.get(path)) for path in (x, y, *others)),
            **room.get(i, {}),
            **_measured(cell["cell_id"], found, numbers, doubtful),
        }
        for i, cell in enumerate(cells)
    ]
    facets = _present(_facets(cells, others, variants), rows, "facet")
    for row in rows:
        row["f"] = facets.index(row["facet"])
    return ReportData(
        x=x_axis,
        y=y_axis,
        cells=rows,
        facets=facets,
        loads=_present(_facets(cells, loads, variants[:1]), rows, "load"),
        variants=variants,
        metric_columns=found,
        performance=performance_metric(tables),
        units=metric_units(tables),
        rule=rule,
        recorded=frozenset(tables["cell_metrics"]["metric"].unique()),
        deciding=deciding,
    )


def _paths(experiment: Row, settings: Report) -> tuple[str, str, list[str]]:
    """The load on the x axis, the temperature on the y axis, and all other axes of the grid."""
    axes = [axis["path"] for axis in json.loads(experiment["axes"])]
    x = settings.x or next((p for p in axes if p.startswith("load.")), DEFAULT_X)
    y = settings.y or next((p for p in axes if p.startswith("temperature.")), DEFAULT_Y)
    return x, y, [path for path in axes if path not in (x, y)]


def _cell_rows(tables: Tables) -> list[Row]:
    columns = ("phase_probability", "second_phase", "probability_reason", "ambiguous", "doubtful")
    phases = tables["phases"].select("cell_id", "phase", "reason", *columns)
    return tables["cells"].join(phases, on="cell_id").sort("position").rows(named=True)


def _with_values(row: Row) -> Row:
    """A cell with its parameters by dotted path, including custom ones."""
    known = {
        f"{section}.{name}": row[name]
        for section, columns in (("load", LOAD), ("temperature", TEMPERATURE))
        for name, *_ in columns
    }
    return row | known | json.loads(row["extra"])


def _numbers(tables: Tables) -> dict[tuple[str, str, str], Row]:
    """Mean, spread, count, error and status by cell, metric and probe."""
    key, values = ("cell_id", "metric", "probe"), ("mean", "sd", "n")
    columns = (*key, *values, "measurement_error", "status", "reason")
    return {
        (row["cell_id"], row["metric"], row["probe"]): row
        for row in tables["cell_metrics"].select(columns).iter_rows(named=True)
    }


def _facet(cell: Row, paths: list[str], variants: list[str]) -> str:
    named = [cell["variant"]] if len(variants) > 1 else []
    return ", ".join(named + [f"{parameter(path).title} {label(cell.get(path))}" for path in paths])


def _facets(cells: list[Row], paths: list[str], variants: list[str]) -> list[str]:
    """Every possible facet in order: by variant, then by the other axes in ascending order."""
    choices = [[("variant", name) for name in variants]]
    choices += [[(path, v) for v in ordered([c.get(path) for c in cells])] for path in paths]
    return [_facet(dict(point), paths, variants) for point in itertools.product(*choices)]


def _present(facets: list[str], rows: list[Row], kind: str) -> list[str]:
    """The facets that have cells; some may have none, since variants may differ in their axes."""
    known = {row[kind] for row in rows}
    return [facet for facet in facets if facet in known]


def _position(cell: Row, x: Axis, y: Axis) -> Row:
    """Position of a cell on both axes, and both values as text."""
    row: Row = {"x": label(cell.get(x.path)), "y": label(cell.get(y.path))}
    row |= {"col": x.labels.index(row["x"]), "row": y.labels.index(row["y"])}
    for name, axis in (("x", x), ("y", y)):
        low, high, middle, value = axis.cell(cell.get(axis.path))
        row |= {f"{name}0": low, f"{name}1": high, f"{name}m": middle, f"{name}p": value}
    return row


def _measured(
    cell_id: str,
    found: list[MetricColumn],
    numbers: dict[tuple[str, str, str], Row],
    doubtful: set[tuple[str, str]],
) -> Row:
    """Each metric column as a number and as text, with sd and logarithm if charts need them."""
    missing: Row = {"mean": None, "sd": None, "n": 0, "status": "missing", "reason": None}
    row: Row = {}
    for column in found:
        known = numbers.get((cell_id, column.metric, column.probe), missing)
        mean, name = rounded(known["mean"]), column.name
        row[name] = mean
        if column.quantity.slice is not None:
            row[f"{name} sd"] = rounded(known["sd"])
        row[f"{name} text"] = format_mean(known)
        if (column.metric, column.probe) in doubtful:
            row[f"{name} doubt"] = known["status"] == NOT_CONVERGED
        if column.quantity.logarithmic:
            row[f"ln {name}"] = rounded(math.log(mean)) if mean and mean > 0 else None
    return row
