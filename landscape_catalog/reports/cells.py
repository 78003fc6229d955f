"""The catalog's cells as rows that charts can draw: places on the axes, colours, words."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases import Rule, rule_of
from landscape_catalog.reports.axes import Axis, label, make_axis, ordered, parameter
from landscape_catalog.reports.measures import Judge, Measure, Tables, judge, measures, metric_units

Row = dict[str, Any]
NOT_CONVERGED = "not converged"  # of an estimator; a run that has not is NC
DEFAULT_X, DEFAULT_Y = "load.width", "temperature.batch_size"


@dataclass(frozen=True)
class ReportData:
    """Everything that the maps of cells draw.

    Attributes:
        x: the drawn load.
        y: the drawn temperature.
        cells: a row a cell: edges and middles on both axes, words, and a column for each measure.
        facets: the values of everything else that varies, as headings, in order.
        row_length: how many facets go together (the values of the innermost axis).
        loads: the facets without variants and temperatures; each has one gain plot.
        variants: names of the variants, `base` first.
        measures: every metric by every probe and snapshot.
        judge: what says how good a cell is.
        units: unit of each metric.
        rule: by which the cells were classified.
    """

    x: Axis
    y: Axis
    cells: list[Row]
    facets: list[str]
    row_length: int
    loads: list[str]
    variants: list[str]
    measures: list[Measure]
    judge: Judge
    units: dict[str, str]
    rule: Rule

    def ways(self, metric: str) -> list[Measure]:
        """A metric by every probe or of every snapshot, the primary first."""
        return [measure for measure in self.measures if measure.metric == metric]


def spoken(number: Row) -> str:
    """A mean with its spread and count, the error of measuring it, and why it is in doubt.

    >>> number = {"mean": 1.23456, "sd": 0.1, "n": 3, "measurement_error": 0.02, "reason": None}
    >>> spoken(number)
    '1.235 ± 0.1 (sd, n = 3), measured to 0.02'
    >>> spoken(number | {"sd": None, "n": 1, "measurement_error": 0.0})
    '1.235 (n = 1)'
    >>> spoken(number | {"mean": None, "n": 0, "reason": "no run has converged"})
    'missing: no run has converged'
    """
    reason = number["reason"]
    if number["mean"] is None or not number["n"]:
        return f"missing: {reason}" if reason else "missing"
    sd, n, error = number["sd"], number["n"], number["measurement_error"]
    spread = f" ± {sd:.2g} (sd, n = {n})" if sd is not None else f" (n = {n})"
    measured = f", measured to {error:.1g}" if error else ""
    return f"{number['mean']:.4g}{spread}{measured}" + (f"; {reason}" if reason else "")


def rounded(value: float | None, figures: int = 6) -> float | None:
    """A number as it is drawn: some figures, and None for what no axis can hold."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{figures}g}")


def report_data(tables: Tables, settings: Report | None = None) -> ReportData:
    """Lay the catalog's cells out on two axes; variants and every other axis become facets.

    Args:
        tables: the catalog.
        settings: the two axes and their scales; an axis that is not named is the first under
            `load` (`temperature`), else width (batch size). Also the metrics to draw.
    """
    settings = settings or Report()
    experiment = tables["experiments"].row(0, named=True)
    variants = json.loads(experiment["variants"])
    x, y, others = _paths(experiment, settings)
    cells = [_with_values(row) for row in _cell_rows(tables)]
    x_axis = make_axis(x, [cell.get(x) for cell in cells], settings.x_scale, vertical=False)
    y_axis = make_axis(y, [cell.get(y) for cell in cells], settings.y_scale, vertical=True)
    found, numbers = measures(tables, settings.panels or ()), _numbers(tables)
    doubted = {(m, probe) for (_, m, probe), n in numbers.items() if n["status"] == NOT_CONVERGED}
    loads = [path for path in others if path.startswith("load.")]
    rows = [
        {
            "cell_id": cell["cell_id"],
            "i": cell["position"],
            "facet": _facet(cell, others, variants),
            "load": _facet(cell, loads, []),
            **_place(cell, x_axis, y_axis),
            **_words(cell),
            **_measured(cell["cell_id"], found, numbers, doubted),
        }
        for cell in cells
    ]
    return ReportData(
        x=x_axis,
        y=y_axis,
        cells=rows,
        facets=_present(_facets(cells, others, variants), rows, "facet"),
        row_length=_row_length(cells, others, variants),
        loads=_present(_facets(cells, loads, variants[:1]), rows, "load"),
        variants=variants,
        measures=found,
        judge=judge(tables),
        units=metric_units(tables),
        rule=rule_of(json.loads(experiment["classify"])),
    )


def _paths(experiment: Row, settings: Report) -> tuple[str, str, list[str]]:
    """The drawn load, the drawn temperature, and every other axis."""
    axes = [axis["path"] for axis in json.loads(experiment["axes"])]
    x = settings.x or next((p for p in axes if p.startswith("load.")), DEFAULT_X)
    y = settings.y or next((p for p in axes if p.startswith("temperature.")), DEFAULT_Y)
    return x, y, [path for path in axes if path not in (x, y)]


def _cell_rows(tables: Tables) -> list[Row]:
    phases = tables["phases"].select("cell_id", "phase", "reason", "ambiguous", "doubtful")
    return tables["cells"].join(phases, on="cell_id").sort("position").rows(named=True)


def _with_values(row: Row) -> Row:
    """A cell with its parameters by dotted path, those of one's own among them."""
    known = {
        f"{section}.{name}": row[name]
        for section, names in (
            ("load", ("width", "samples", "label_noise", "pixel_noise")),
            ("temperature", ("batch_size", "lr", "weight_decay")),
        )
        for name in names
    }
    return row | known | json.loads(row["extra"])


def _numbers(tables: Tables) -> dict[tuple[str, str, str], Row]:
    """Mean, spread, count, error and status by cell, metric and probe."""
    said = ("measurement_error", "status", "reason")
    columns = ("cell_id", "metric", "probe", "mean", "sd", "n", *said)
    return {
        (row["cell_id"], row["metric"], row["probe"]): row
        for row in tables["cell_metrics"].select(columns).iter_rows(named=True)
    }


def _facet(cell: Row, paths: list[str], variants: list[str]) -> str:
    named = [cell["variant"]] if len(variants) > 1 else []
    return ", ".join(named + [f"{parameter(path).title} {label(cell.get(path))}" for path in paths])


def _facets(cells: list[Row], paths: list[str], variants: list[str]) -> list[str]:
    """Every facet in order: variant by variant, then the other axes from low to high."""
    choices = [[("variant", name) for name in variants]]
    choices += [[(path, v) for v in ordered([c.get(path) for c in cells])] for path in paths]
    return [_facet(dict(point), paths, variants) for point in itertools.product(*choices)]


def _present(facets: list[str], rows: list[Row], kind: str) -> list[str]:
    """Those that have cells: variants may differ in their axes."""
    known = {row[kind] for row in rows}
    return [facet for facet in facets if facet in known]


def _row_length(cells: list[Row], paths: list[str], variants: list[str]) -> int:
    """How many values the innermost facet axis has."""
    return len(ordered([c.get(paths[-1]) for c in cells])) if paths else len(variants)


def _place(cell: Row, x: Axis, y: Axis) -> Row:
    """Where a cell lies on both axes, and both values in words."""
    row: Row = {"x": label(cell.get(x.path)), "y": label(cell.get(y.path))}
    for name, axis in (("x", x), ("y", y)):
        low, high, middle, place = axis.cell(cell.get(axis.path))
        row |= {f"{name}0": low, f"{name}1": high, f"{name}m": middle, f"{name}p": place}
    return row


def _words(cell: Row) -> Row:
    notes = []
    if cell["lr_in_effect"] != cell["lr"]:
        notes.append(f"learning rate in effect {label(cell['lr_in_effect'])}")
    if cell["ambiguous"]:
        notes.append("connectivity is ambiguous")
    if cell["doubtful"]:
        notes.append("called flat, but its training loss is over 10 times the flat cells' median")
    return {
        "variant": cell["variant"],
        "phase": cell["phase"],
        "reason": cell["reason"],
        "runs": f"{cell['n_converged']} of {cell['n_runs']} converged",
        "note": "; ".join(notes),
    }


def _measured(
    cell_id: str,
    found: list[Measure],
    numbers: dict[tuple[str, str, str], Row],
    doubted: set[tuple[str, str]],
) -> Row:
    """Each measure as a number, its spread, words, and its logarithm where colours follow that."""
    missing: Row = {"mean": None, "sd": None, "n": 0, "status": "missing", "reason": None}
    row: Row = {}
    for measure in found:
        known = numbers.get((cell_id, measure.metric, measure.probe), missing)
        mean, column = rounded(known["mean"]), measure.column
        row[column] = mean
        if measure.quantity.slice is not None:
            row[f"{column} sd"] = rounded(known["sd"])
        row[f"{column} text"] = spoken(known)
        if (measure.metric, measure.probe) in doubted:
            row[f"{column} doubt"] = known["status"] == NOT_CONVERGED
        if measure.quantity.logarithmic:
            row[f"ln {column}"] = rounded(math.log(mean)) if mean and mean > 0 else None
    return row
