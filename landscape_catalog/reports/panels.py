"""Which metrics are drawn over the grid, and in which colours: the panels of Figure 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from landscape_catalog.reports.cells import LOGARITHMIC, ReportData


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


def panels(data: ReportData) -> list[Panel]:
    """The seven panels of Figure 2, each followed by its other probes or snapshots.

    Test loss stands in the place of accuracy where the data are not images.
    """
    return [panel for first in _primary_panels(data) for panel in _with_ways(data, first)]


def _primary_panels(data: ReportData) -> list[Panel]:
    units = data.units
    mc = f"Mode connectivity mc, {units['mode_connectivity']}" + (
        " of training error" if units["mode_connectivity"] == "%" else ""
    )
    return [
        _judging_panel(data),
        _panel("train_loss", f"Training loss, ln {units['train_loss']}", "darker is lower",
               "inferno", ".2~g"),
        _panel("top_eigenvalue", "Hessian top eigenvalue, ln λ", "darker is sharper",
               "yelloworangebrown", ".3~r"),
        _panel("trace", "Hessian trace, ln", "darker is sharper", "yelloworangebrown", ".3~r"),
        replace(
            _panel("mode_connectivity", mc, "blue: a barrier, red: a dip, white: neither",
                   "redblue", "+.2~f"),
            symmetric=True, reverse=True,
        ),
        _panel("cka", "CKA similarity", "brighter is more alike", "viridis", ".2f"),
        _panel("l2_distance", "L2 distance", "brighter is farther apart", "viridis", ".1f"),
    ]  # fmt: skip


def _judging_panel(data: ReportData) -> Panel:
    judge = data.judge
    if judge.higher_is_better:
        title = f"{judge.title}, {judge.unit}"
        return _panel(judge.metric, title, "brighter is better", "viridis", ".1f")
    title = f"{judge.title}, ln {judge.unit}"
    panel = _panel(judge.metric, title, "brighter is lower, and better", "viridis", ".3~g")
    return replace(panel, reverse=True)


def _panel(metric: str, title: str, hint: str, scheme: str, number: str) -> Panel:
    field = _field(metric, metric)
    return Panel(metric, title, hint, "", metric, field, (field,), scheme, number)


def _with_ways(data: ReportData, first: Panel) -> Iterator[Panel]:
    """A panel a probe (a snapshot), in the same colours, so that they can be compared."""
    ways = data.ways(first.key)
    if len(ways) < 2:
        yield first
        return
    fields = tuple(_field(way.metric, way.column) for way in ways)
    for way in ways:
        yield replace(
            first,
            key=way.column,
            title=f"{first.title}: {way.way}",
            method=way.method,
            column=way.column,
            field=_field(way.metric, way.column),
            fields=fields,
        )


def _field(metric: str, column: str) -> str:
    return f"ln {column}" if metric in LOGARITHMIC else column
