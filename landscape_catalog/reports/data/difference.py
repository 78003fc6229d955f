"""The difference of two experiments, cell by cell: second minus first, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from landscape_catalog.phases import NC
from landscape_catalog.phases.facts.noise import half_width
from landscape_catalog.reports.data.cells import NOT_CONVERGED, ReportData
from landscape_catalog.reports.data.colour_scale import clipped_range, colour_scale
from landscape_catalog.reports.data.compared import Sides
from landscape_catalog.reports.data.matched import CellPair, Matched, matched
from landscape_catalog.reports.data.metric_columns import MetricColumn, Tables
from landscape_catalog.reports.data.numbers import rounded
from landscape_catalog.reports.data.panels import PanelChart, unit_words
from landscape_catalog.schema.tables import Row

LEVEL = 0.90  # of the interval within which a difference cannot be told from zero
POSITION = ("x", "y", "x0", "x1", "xm", "xp", "y0", "y1", "ym", "yp", "col", "row")


@dataclass(frozen=True)
class Change:
    """How a mean differs between two cells.

    Attributes:
        a: the mean of the first.
        b: the mean of the second.
        value: b - a, or ln b - ln a.
        error: standard error of `value`; None if a mean states none.
        half_width: of the 90% interval of `value`; None without an error.
        doubtful: whether an estimator has not converged in either cell.
    """

    a: float
    b: float
    value: float
    error: float | None
    half_width: float | None
    doubtful: bool

    @property
    def alike(self) -> bool | None:
        """Whether zero lies in the 90% interval; None if no error is known."""
        return None if self.half_width is None else abs(self.value) <= self.half_width


@dataclass(frozen=True)
class DifferencePanel:
    """The difference of one metric over the grid.

    Attributes:
        key: id of the panel in the page.
        panel: the metric as it is drawn in either experiment.
        title: the metric, with the unit of the difference.
        logarithmic: whether the difference is that of logarithms: a ratio.
        reach: the largest difference with a colour of its own, of either sign.
        linear_to: difference from which on the colours are logarithmic; None: they are linear.
        changes: the difference in each pair of cells; None where it is missing.
    """

    key: str
    panel: PanelChart
    title: str
    logarithmic: bool
    reach: float
    linear_to: float | None
    changes: list[Change | None]

    @property
    def n_known(self) -> int:
        """Number of cells with a difference."""
        return sum(one is not None for one in self.changes)

    @property
    def n_alike(self) -> int:
        """Number of cells whose difference cannot be told from zero."""
        return sum(one is not None and one.alike is True for one in self.changes)

    @property
    def n_without_error(self) -> int:
        """Number of cells whose difference has no error."""
        return sum(one is not None and one.error is None for one in self.changes)


@dataclass(frozen=True)
class Difference:
    """What two experiments differ in.

    Attributes:
        sides: their names.
        matched: which cells both have.
        panels: one for each metric that can be compared.
        performance: the performance metric's difference in each pair of cells.
        incomparable: metrics whose units differ, in words.
        rows: one per pair of cells, for charts.
    """

    sides: Sides
    matched: Matched
    panels: list[DifferencePanel]
    performance: list[Change | None]
    incomparable: list[str]
    rows: list[Row]


def difference(
    tables: Tables, data: ReportData, sides: Sides, shown: Sequence[PanelChart]
) -> Difference:
    """Compare two experiments cell by cell.

    For means a and b with independent standard errors s and t, the difference is b - a with the
    standard error sqrt(s^2 + t^2); for a metric that is drawn on logarithmic colours, it is
    ln b - ln a with sqrt((s/a)^2 + (t/b)^2). Zero lies in the 90% interval if |difference| is at
    most the quantile of Student's t, with Welch's degrees of freedom, times that error.

    Args:
        tables: those of `compared_tables`.
        data: their cells.
        sides: which cells belong to which experiment.
        shown: the metrics that the page shows.
    """
    found, means = matched(data, sides), _Means(tables)
    columns = {column.name: column for column in data.metric_columns}
    panels, incomparable = [], []
    for panel in shown:
        if panel.column not in columns:  # drawn over the grid, but no metric of the catalog
            continue
        if " or " in data.units.get(panel.metric, ""):
            incomparable.append(f"{panel.metric.replace('_', ' ')} ({data.units[panel.metric]})")
            continue
        panels.append(_panel(data, panel, columns[panel.column], found.pairs, means))
    panels = [one for one in panels if one.n_known]
    best = data.columns_of(data.performance.metric)[0]
    performance = [means.change(pair, best, logarithmic=False) for pair in found.pairs]
    rows = [_row(pair, k, panels) for k, pair in enumerate(found.pairs)]
    return Difference(sides, found, panels, performance, incomparable, rows)


class _Means:
    """Means of the catalog with their standard errors, by cell, metric and probe."""

    def __init__(self, tables: Tables) -> None:
        self._rows = {
            (row["cell_id"], row["metric"], row["probe"]): row
            for row in tables["cell_metrics"].iter_rows(named=True)
        }
        runs = tables["cells"].select("cell_id", "n_converged", "n_runs").rows()
        self._runs = {cell: n if n is not None else total for cell, n, total in runs}

    def change(self, pair: CellPair, column: MetricColumn, *, logarithmic: bool) -> Change | None:
        """How a metric changes; None if it is missing in a cell, or a cell has not converged."""
        cells = (pair.a, pair.b)
        rows = [self._rows.get((c["cell_id"], column.metric, column.probe), {}) for c in cells]
        means = [_finite(row.get("mean")) for row in rows]
        if NC.name in (pair.a["phase"], pair.b["phase"]) or None in means:
            return None
        a, b = (mean for mean in means if mean is not None)
        if logarithmic and min(a, b) <= 0:
            return None
        scales = (a, b) if logarithmic else (1.0, 1.0)
        known = [_finite(row.get("standard_error")) for row in rows]
        errors = [abs(one / scale) for one, scale in zip(known, scales) if one is not None]
        value = math.log(b / a) if logarithmic else b - a
        doubtful = any(row.get("status") == NOT_CONVERGED for row in rows)
        if len(errors) < len(cells):
            return Change(a, b, value, None, None, doubtful)
        runs = [self._runs.get(cell["cell_id"]) for cell in cells]
        return Change(a, b, value, math.hypot(*errors), _half_width(errors, runs), doubtful)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _half_width(errors: Sequence[float], runs: Sequence[int | None]) -> float:
    """Of the 90% interval of a difference of two means with these standard errors."""
    if not any(errors):
        return 0.0
    known = [n - 1 for n in runs if n is not None and n >= 2]
    freedom = known if len(known) == len(runs) else [math.inf] * len(runs)
    return float(half_width(errors, freedom, LEVEL))


def _panel(
    data: ReportData,
    panel: PanelChart,
    column: MetricColumn,
    pairs: Sequence[CellPair],
    means: _Means,
) -> DifferencePanel:
    logarithmic = panel.field != panel.column
    changes = [means.change(pair, column, logarithmic=logarithmic) for pair in pairs]
    values = sorted(one.value for one in changes if one is not None)
    reach = max(map(abs, clipped_range(values))) if values else 0.0
    unit = unit_words(column.quantity, data.units.get(panel.metric, ""))
    of_difference = "" if logarithmic else "points" if unit.startswith("%") else unit
    title = panel.title
    if unit:
        title = title.replace(f", {unit}", f", {of_difference}" if of_difference else "")
    scale = colour_scale(data, panel)
    linear_to = None if scale is None else scale.linear_to
    key = f"difference-{panel.key}"
    return DifferencePanel(key, panel, title, logarithmic, reach or 1.0, linear_to, changes)


def _row(pair: CellPair, k: int, panels: Sequence[DifferencePanel]) -> Row:
    """A pair of cells for charts: its place, its phases, and all differences."""
    a, b = pair.a, pair.b
    row: Row = {"i": b["i"], "j": a["i"], "f": pair.facet_b, "g": pair.facet_a}
    row |= {name: b[name] for name in POSITION}
    row |= {"facet": b["facet"], "phase": b["phase"], "before": a["phase"]}
    changed = a["phase"] != b["phase"]
    row |= {"changed": changed, "change": f"{a['phase']} → {b['phase']}" if changed else b["phase"]}
    for one in panels:
        row |= _numbers(one, one.changes[k])
    return row


def _numbers(one: DifferencePanel, change: Change | None) -> Mapping[str, object]:
    name = one.panel.column
    if change is None:
        return {
            name: None,
            f"{name} alike": False,
            f"{name} doubt": False,
            f"{name} text": "missing",
        }
    return {
        name: rounded(change.value),
        f"{name} alike": change.alike is True,
        f"{name} doubt": change.doubtful,
        f"{name} text": change_words(change, logarithmic=one.logarithmic),
    }


def change_words(change: Change, *, logarithmic: bool) -> str:
    """A difference as text, with its error and whether it can be told from zero.

    >>> change_words(Change(90.0, 70.0, -20.0, 1.5, 2.8, False), logarithmic=False)
    '90 → 70: −20 ± 1.5'
    >>> change_words(Change(2.0, 2.1, math.log(1.05), 0.1, 0.19, False), logarithmic=True)
    '2 → 2.1: × 1.05, ln 0.0488 ± 0.1, not told from zero'
    """
    number = f"{change.value:+.3g}".replace("-", "−")
    if logarithmic:
        number = f"× {math.exp(change.value):.3g}, ln {change.value:.3g}".replace("-", "−")
    error = "" if change.error is None else f" ± {change.error:.2g}"
    alike = ", not told from zero" if change.alike else ""
    return f"{change.a:.4g} → {change.b:.4g}: {number}{error}{alike}"
