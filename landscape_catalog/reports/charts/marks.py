"""Building blocks of charts of cells: rectangles, text, outlines, markers and tooltips.

A chart takes what a reader has chosen from its parameters, which the page sets and which a static
figure leaves at their defaults:

| parameter | meaning |
|---|---|
| `labels` | phase of each cell under moved thresholds; empty: as the catalog has it |
| `selected`, `hovered`, `a`, `b` | index of a cell; -1: none |
| `brushed` | indices of the cells in the brush; empty: all |
| `facet` | index of the facet that is drawn |
| `ranges` | of parallel coordinates: for each axis the range that is kept, or null; empty: none |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import altair as alt

from landscape_catalog.phases import NC, Rule
from landscape_catalog.reports.charts.scales import scale_of, ticks_of
from landscape_catalog.reports.data.axes import Axis
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colours import INK, PAPER

CELLS, BORDERS = alt.NamedData("cells"), alt.NamedData("borders")
DEFAULTS: dict[str, Any] = {
    "labels": [], "selected": -1, "hovered": -1, "a": -1, "b": -1, "brushed": [], "facet": 0,
}  # fmt: skip
PHASE = "(labels[datum.i] || datum.phase)"
IS_NC = f"datum.phase == '{NC.name}'"
IN_FACET = "datum.f == facet"
IN_BRUSH = "(!length(brushed) || indexof(brushed, datum.i) >= 0)"
SMALLEST_FONT = 6.5
BOLD_LETTER, BOLD_LINE = 0.68, 1.2  # width of a letter and height of a line, per font size
# Pixels of a cell on the screen, whatever the width of the chart.
CELL_WIDTH = "abs(scale('x', datum.x1) - scale('x', datum.x0))"
CELL_HEIGHT = "abs(scale('y', datum.y1) - scale('y', datum.y0))"
OUTLINE = 2.0


def fitted_font(letters: float | str, largest: float, lines: int = 1) -> str:
    """A Vega expression for the font size at which letters fit into a cell.

    Args:
        letters: how many of them, as a number or as a Vega expression.
        largest: the largest font size.
        lines: how many lines.
    """
    wide = f"({BOLD_LETTER} * {letters})"
    if not isinstance(letters, str):
        wide = f"{BOLD_LETTER * letters:.4g}"
    across = f"{CELL_WIDTH} / {wide}"
    down = f"{CELL_HEIGHT} / {BOLD_LINE * lines:.4g}"
    return f"min({largest:g}, {across}, {down})"


def known_values(data: ReportData, field: str) -> list[float]:
    """The non-missing numbers in a column."""
    return [row[field] for row in data.cells if row[field] is not None]


def phase_colour(rule: Rule, field: str = "phase") -> alt.Color:
    """The colour encoding of a rule's phases."""
    phases = rule.phases
    scale = alt.Scale(domain=[p.name for p in phases], range=[p.colour for p in phases])
    return alt.Color(f"{field}:N", scale=scale, legend=None)


def rectangles(data: ReportData, **more: Any) -> alt.Chart:
    """A rectangle for each cell, with thin lines between the cells unless they are tiny."""
    size = f"min({CELL_WIDTH}, {CELL_HEIGHT})"
    width = alt.ExprRef(f"{size} < 8 ? 0 : {size} < 16 ? 0.4 : 1")
    return (
        alt.Chart()
        .mark_rect(**{"stroke": PAPER, "strokeWidth": width, **more})
        .encode(
            x=position(data.x, "x0"), x2=alt.X2("x1:Q"), y=position(data.y, "y0"), y2=alt.Y2("y1:Q")
        )
    )


def texts(data: ReportData, font: str, **more: Any) -> alt.Chart:
    """A text mark in the middle of each cell, unless its font would be too small to read.

    Args:
        data: the cells.
        font: a Vega expression for the font size.
        more: other properties of the mark.
    """
    visible = alt.ExprRef(f"{font} < {SMALLEST_FONT} ? 0 : 1")
    settings = {"fontSize": alt.ExprRef(font), "opacity": visible, "fontWeight": "bold", **more}
    return (
        alt.Chart().mark_text(**settings).encode(x=position(data.x, "xm"), y=position(data.y, "ym"))
    )


def outlines(data: ReportData, *, several: bool, colour: str = INK) -> alt.Chart:
    """Lines between neighbouring cells of different phases.

    Args:
        data: the cells.
        several: whether only the borders of the chosen facet belong to the chart.
        colour: of the lines.
    """
    differ = "(labels[datum.i] || datum.p) != (labels[datum.j] || datum.q)"
    chosen = f"{IN_FACET} && {differ}" if several else differ
    return (
        alt.Chart(BORDERS)
        .transform_filter(chosen)
        .mark_rule(stroke=colour, strokeWidth=OUTLINE, strokeCap="round")
        .encode(
            x=position(data.x, "x"), x2=alt.X2("x2:Q"), y=position(data.y, "y"), y2=alt.Y2("y2:Q")
        )
    )


def markers(data: ReportData, partner: str = "") -> list[alt.Chart]:
    """Frames around the hovered, the selected and the pinned cells, and the letters of pins.

    Args:
        data: the cells.
        partner: index of a further cell that a row stands for, as a Vega expression.
    """
    pinned = f"({_is('a', partner)} || {_is('b', partner)})"
    chosen = f"({_is('selected', partner)} || {pinned})"
    halo = rectangles(data, filled=False, stroke=PAPER, strokeWidth=5).transform_filter(chosen)
    frame = rectangles(
        data,
        filled=False,
        stroke=INK,
        strokeWidth=alt.ExprRef(f"{chosen} ? 2.6 : 1.2"),
        strokeDash=alt.ExprRef(f"{pinned} ? [4, 2] : [1, 0]"),
    ).transform_filter(f"{chosen} || {_is('hovered', partner)}")
    letters = (
        texts(data, "11", align="left", baseline="top", dx=3, dy=2)
        .transform_filter(pinned)
        .transform_calculate(letter=_letter(partner))
        .encode(x=position(data.x, "x0"), text=alt.Text("letter:N"), color=alt.value(INK))
    )
    return [halo, frame, letters]


def _is(parameter: str, partner: str) -> str:
    """Whether a row stands for the cell that a parameter names."""
    own = f"datum.i == {parameter}"
    return f"{own} || {partner} == {parameter}" if partner else own


def _letter(partner: str) -> str:
    """The letters of the pins on a row, as a Vega expression."""
    if not partner:
        return "datum.i == a ? 'A' : 'B'"
    return f"({_is('a', partner)} ? 'A' : '') + ({_is('b', partner)} ? 'B' : '')"


def tooltips(data: ReportData, metric: str = "") -> list[alt.Tooltip]:
    """A tooltip with the label of a cell and the metrics of the default panels.

    The page does not show names with `#`: by them it tells the phase under moved thresholds.

    Args:
        data: the cells.
        metric: a metric to tell in any case, the one that the chart shows.
    """
    heads = [("i", "#i"), ("phase", "phase"), ("probability", "probability")]
    heads += [("x", data.x.name), ("y", data.y.name)]
    heads += [("facet", "facet")] if len(data.facets) > 1 else []
    if data.rule.table is not None:
        heads.append(("room text", "label changes after"))
    for column in data.metric_columns:
        panel = column.quantity.panel
        always = column.metric in (data.performance.metric, metric)
        shown = always or (panel is not None and panel.place)
        if shown and known_values(data, column.name):
            unit = data.units[column.metric]
            words = [column.words, *filter(None, [unit, column.label])]
            heads.append((f"{column.name} text", ", ".join(words)))
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in heads]


def layered(
    layers: Sequence[alt.Chart],
    height: float,
    rows: alt.NamedData = CELLS,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Layers over the cells with the parameters of this module, as wide as their place.

    All at once, since Altair copies a chart with all of its layers at each further step.

    Args:
        layers: the charts.
        height: in pixels.
        rows: the table that layers without data of their own read.
        more: further parameters, with their defaults.
    """
    further = [alt.param(name=name, value=value) for name, value in more.items()]
    own: list[Any] = [one.param for one in (*_parameters(), *further)]
    return alt.LayerChart(
        layer=list(layers),
        data=rows,
        width="container",
        height=height,
        params=own,
    )


def with_parameters(chart: Any) -> Any:
    """A chart with the parameters of this module."""
    return chart.add_params(*_parameters())


def _parameters() -> list[Any]:
    return [alt.param(name=name, value=value) for name, value in DEFAULTS.items()]


def position(axis: Axis, field: str) -> Any:
    """The encoding of a position on an axis of the grid."""
    channel: Any = alt.Y if axis.vertical else alt.X
    ticks = ticks_of(axis, titleFontSize=11)
    return channel(f"{field}:Q", scale=scale_of(axis), title=axis.title, axis=ticks)
