"""Which metrics are drawn over the grid, and in which colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.metrics import metric as metrics
from landscape_catalog.metrics.metric import Quantity
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.reports.cells import ReportData
from landscape_catalog.reports.measures import Measure

PLAIN = metrics.Panel(0, "{name}, {unit}", "brighter is higher")


@dataclass(frozen=True)
class Panel:
    """One metric drawn over the grid.

    Attributes:
        key: the panel's name in the page.
        title: what is drawn.
        hint: how its colours are read.
        method: how it is measured, where there are several ways.
        column: the rows' column that is written in a cell.
        field: the column that colours it.
        fields: the columns that share its colours.
        scheme: the colours.
        number: format of the numbers in cells.
        symmetric: whether colours diverge around zero.
        reverse: whether the colours run backwards.
    """

    key: str
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


def panels(data: ReportData, chosen: tuple[str, ...] | None = None) -> list[Panel]:
    """The panels of Figure 2, or the chosen ones, each followed by its other probes or snapshots.

    Args:
        data: the cells.
        chosen: names of metrics; None: what the task is judged by, then the rest of Figure 2.

    Raises:
        SpecError: if a chosen metric is not in the catalog.
    """
    names = list(chosen) if chosen is not None else _of_figure_2(data)
    known = [measure.metric for measure in data.measures]
    problems = [
        Problem("report.panels", repr(name), ", ".join(dict.fromkeys(known)))
        for name in names
        if name not in known
    ]
    if problems:
        raise SpecError(problems)
    return [panel for name in names for panel in _of_metric(data, name)]


def _of_figure_2(data: ReportData) -> list[str]:
    placed = [q for q in QUANTITIES.values() if q.panel is not None and q.panel.place]
    ordered = sorted(placed, key=lambda q: q.panel.place if q.panel is not None else 0)
    return [data.judge.metric, *(q.name for q in ordered)]


def unit_words(quantity: Quantity, unit: str) -> str:
    """A unit, with what it is a share of where it is a percentage."""
    return f"{unit} of {quantity.share_of}" if unit == "%" and quantity.share_of else unit


def _of_metric(data: ReportData, name: str) -> Iterator[Panel]:
    """A panel for each probe or snapshot, in the same colours, so that they can be compared."""
    ways = data.ways(name)
    fields = tuple(_field(way) for way in ways)
    quantity = ways[0].quantity
    drawn = quantity.panel or PLAIN
    unit = unit_words(quantity, data.units.get(name, ""))
    title = drawn.title.format(name=ways[0].words, unit=unit).removesuffix(", ")
    first = Panel(
        ways[0].column,
        title,
        drawn.hint,
        "",
        ways[0].column,
        fields[0],
        fields,
        drawn.scheme,
        drawn.number,
        drawn.symmetric,
        drawn.reverse,
    )
    if len(ways) < 2:
        yield first
        return
    for way, field in zip(ways, fields):
        yield replace(
            first,
            key=way.column,
            title=f"{title}: {way.way}",
            method=way.method,
            column=way.column,
            field=field,
        )


def _field(measure: Measure) -> str:
    return f"ln {measure.column}" if measure.quantity.logarithmic else measure.column
