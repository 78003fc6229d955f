"""The panels: which metrics are drawn over the grid, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.metrics.metric import Panel, Quantity
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import MetricColumn, with_unit

PLAIN = Panel(0, "{name}, {unit}", "brighter is higher")


@dataclass(frozen=True)
class PanelChart:
    """One metric drawn over the grid.

    Attributes:
        key: id of the panel in the page.
        metric: name of the metric in the catalog.
        title: the metric, with its unit.
        hint: how to read the colours.
        method: how it is measured; empty if the metric has only one probe.
        column: column with the number written in each cell.
        field: column that determines the colour.
        fields: all columns that share the colour scale.
        scheme: a Vega colour scheme.
        number: Vega format of the numbers in the cells.
        symmetric: whether the colour scale diverges around zero.
        reverse: whether the colour scheme is reversed.
    """

    key: str
    metric: str
    title: str
    hint: str
    method: str
    column: str
    field: str
    fields: tuple[str, ...]
    scheme: str
    number: str
    symmetric: bool = False
    reverse: bool = False


def panels(data: ReportData, chosen: tuple[str, ...] | None = None) -> list[PanelChart]:
    """The panels of Figure 2, or the chosen ones; other probes or snapshots of a metric follow it.

    Args:
        data: the cells.
        chosen: names of metrics; None: the performance metric, then the other panels of Figure 2.

    Raises:
        SpecError: if a chosen metric is not in the catalog.
    """
    names = list(chosen) if chosen is not None else _of_figure_2(data)
    known = [column.metric for column in data.metric_columns]
    problems = [
        Problem("report.panels", repr(name), ", ".join(dict.fromkeys(known)))
        for name in names
        if name not in known
    ]
    if problems:
        raise SpecError(problems)
    return [panel for name in names for panel in _of_metric(data, name)]


def room_panel() -> PanelChart:
    """The map of how far a threshold may move before a label changes."""
    return PanelChart(
        "room", "", "Stability of the label, %",
        "By how many percent of its value a single threshold may move before the label changes. "
        "Darker: less; grey: no single threshold changes it, or there is no label; logarithmic "
        "colours.",
        "", "room", "ln room", ("ln room",), "viridis", ".2~r",
    )  # fmt: skip


def every_panel(data: ReportData) -> list[PanelChart]:
    """A panel for every metric of which some cell has a value."""
    known = {row for cell in data.cells for row, value in cell.items() if value is not None}
    names = dict.fromkeys(one.metric for one in data.metric_columns if one.name in known)
    return [panel for name in names for panel in _of_metric(data, name)]


def _of_figure_2(data: ReportData) -> list[str]:
    placed = [q for q in QUANTITIES.values() if q.panel is not None and q.panel.place]
    ordered = sorted(placed, key=lambda q: q.panel.place if q.panel is not None else 0)
    names = [q.name for q in ordered if q.name in data.recorded]
    return [data.performance.metric, *names]


def unit_words(quantity: Quantity, unit: str) -> str:
    """A unit; for a percentage, also what it is a percentage of."""
    return f"{unit} of {quantity.share_of}" if unit == "%" and quantity.share_of else unit


def _of_metric(data: ReportData, name: str) -> Iterator[PanelChart]:
    """A panel for each probe or snapshot; they share a colour scale so that they are comparable."""
    columns = data.columns_of(name)
    fields = tuple(_field(column) for column in columns)
    quantity = columns[0].quantity
    drawn = quantity.panel or PLAIN
    unit = unit_words(quantity, data.units.get(name, ""))
    title = with_unit(drawn.title, unit, name=columns[0].words)
    first = PanelChart(
        columns[0].name,
        name,
        title,
        drawn.hint,
        columns[0].method if len(columns) == 1 else "",
        columns[0].name,
        fields[0],
        fields,
        drawn.scheme,
        drawn.number,
        drawn.symmetric,
        drawn.reverse,
    )
    if len(columns) < 2:
        yield first
        return
    for column, field in zip(columns, fields):
        yield replace(
            first,
            key=column.name,
            title=f"{title}: {column.label}",
            method=column.method,
            column=column.name,
            field=field,
        )


def _field(column: MetricColumn) -> str:
    return f"ln {column.name}" if column.quantity.logarithmic else column.name
