"""Maps of the grid as Altair charts: the phase diagram, and one panel per metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from landscape_catalog.phases import UNCLASSIFIED
from landscape_catalog.reports.charts.marks import (
    CELL_HEIGHT,
    CELL_WIDTH,
    IN_BRUSH,
    IN_FACET,
    IS_NC,
    PHASE,
    fitted_font,
    known_values,
    layered,
    markers,
    outlines,
    phase_colour,
    position,
    rectangles,
    texts,
    tooltips,
)
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colour_scale import ColourScale, colour_scale
from landscape_catalog.reports.data.colours import (
    INK,
    MISSING_COLOUR,
    NOT_CONVERGED_COLOUR,
    PAPER,
    readable_on,
)
from landscape_catalog.reports.data.panels import PanelChart

PHASE_ROW, PANEL_ROW = 92, 34  # height of a row of cells in pixels
PHASE_HEIGHTS, FACET_HEIGHTS, PANEL_HEIGHTS = (190, 460), (150, 270), (150, 250)
HUGE = 100_000
NOTED = "*"  # in the corner of a cell with a note
OUTSIDE = 0.25  # opacity of a cell outside of the brush
FADED = 0.35  # opacity of a cell in which an estimator has not converged
SMALLEST_NAME = 6  # font size
NARROW = 0.9  # width of the letters of a name such as IV-B, compared with the widest
LETTERS_OF_TWO = 6  # of the longer of two lines
PHASE_NAME = f"({PHASE} == '{UNCLASSIFIED.name}' ? '?' : {PHASE})"
DECLARED = "!length(labels)"


def phase_diagram(data: ReportData, facet: int = 0) -> Any:
    """The phase of every cell by colour, and also as text where it fits into the cell.

    A cell is as strong as its label is sure; a doubtful one also names the second phase. If the
    thresholds are moved, all are strong, and cells whose phase has changed have a dashed frame.

    Args:
        data: the cells.
        facet: index of the facet to draw.
    """
    here = f"datum.f == {facet}"
    frame = alt.BrushConfig(stroke=INK, strokeWidth=1.5, fill="#777777", fillOpacity=0.08)
    brush = alt.selection_interval(name="brush", encodings=["x", "y"], zoom=False, mark=frame)
    ground = rectangles(data, color=PAPER).transform_filter(here)
    marks = (
        rectangles(data)
        .transform_filter(here)
        .transform_calculate(
            label=PHASE, drawn=f"({DECLARED} ? datum.strength : 1) * ({IN_BRUSH} ? 1 : {OUTSIDE})"
        )
        .encode(
            color=phase_colour(data.rule, "label"),
            opacity=alt.Opacity("drawn:Q", scale=None, legend=None),
            tooltip=tooltips(data),
        )
        .add_params(brush)
    )
    changed = rectangles(data, filled=False, stroke=INK, strokeWidth=2, strokeDash=[2, 2])
    changed = changed.transform_filter(f"{here} && {PHASE} != datum.phase")
    outline = outlines(data, several=False).transform_filter(here)
    names = [one.transform_filter(here) for one in _names(data)]
    frames = [one.transform_filter(here) for one in markers(data)]
    star = f"min(11, 0.25 * {CELL_WIDTH} + 3, 0.25 * {CELL_HEIGHT} + 3)"
    noted = texts(data, star, align="right", baseline="top", dx=-1.5, dy=1, fill=INK)
    noted = noted.transform_filter(f"{here} && datum.note != ''").encode(
        x=position(data.x, "x0" if data.x.reverse else "x1"),
        y=position(data.y, "y0" if data.y.reverse else "y1"),
        text=alt.value(NOTED),
    )
    layers = [ground, marks, *names, noted, changed, outline, *frames]
    limits = PHASE_HEIGHTS if len(data.facets) < 3 else FACET_HEIGHTS
    return layered(layers, panel_height(data, PHASE_ROW, limits))


def _names(data: ReportData) -> list[alt.Chart]:
    """The phases in the cells, with the second one in doubtful cells if two lines fit."""
    dark = [phase.name for phase in data.rule.phases if phase.dark]
    white = f"({DECLARED} ? datum.white : indexof({dark}, {PHASE}) >= 0)"
    colour = alt.ExprRef(f"{white} ? '{PAPER}' : '{INK}'")
    small = fitted_font(LETTERS_OF_TWO, 14, lines=2)
    doubtful = f"{DECLARED} && datum.second != '' && {small} >= 7"
    # Short names are not much larger than long ones, since size would seem to say something.
    longest = f"1.4 * ({fitted_font(4 * NARROW, 16)})"
    font = f"min({fitted_font(f'{NARROW} * length({PHASE_NAME})', 16)}, {longest})"
    single = (
        texts(data, font, fill=colour)
        .transform_calculate(name=PHASE_NAME)
        .encode(
            text=alt.Text("name:N"),
            opacity=alt.value(alt.ExprRef(f"({doubtful}) || {font} < {SMALLEST_NAME} ? 0 : 1")),
        )
    )
    both = texts(
        data, small, fill=colour, lineBreak="\n", lineHeight=alt.ExprRef(f"1.2 * ({small})"),
        baseline="middle", dy=alt.ExprRef(f"-0.6 * ({small})"),
    )  # fmt: skip
    both = both.transform_calculate(name=f"{PHASE_NAME} + ' /\\n' + datum.second").encode(
        text=alt.Text("name:N"), opacity=alt.value(alt.ExprRef(f"{doubtful} ? 1 : 0"))
    )
    return [single, both]


def metric_panel(data: ReportData, panel: PanelChart) -> Any:
    """One metric over the grid, with the outlines of the phases.

    Grey if it is missing, NC if training has not converged; faded, with a grey number, if an
    estimator has not converged.
    """
    known = f"isValid(datum['{panel.field}'])"
    several = len(data.facets) > 1
    here = f"{IN_FACET} && " if several else ""
    ground = alt.condition(known, alt.value(PAPER), alt.value(MISSING_COLOUR))
    below = rectangles(data).encode(color=ground, tooltip=tooltips(data, panel.metric))
    layers = [_in(several, below)]
    scale = colour_scale(data, panel)
    if scale is not None:
        faded = f"(datum['{panel.column} doubt'] ? {FADED} : 1) * ({IN_BRUSH} ? 1 : {OUTSIDE})"
        measured = rectangles(data).transform_filter(f"{here}{known}")
        layers.append(
            measured.transform_calculate(drawn=faded).encode(
                color=_colour(data, panel, scale),
                opacity=alt.Opacity("drawn:Q", scale=None, legend=None),
                tooltip=tooltips(data, panel.metric),
            )
        )
    layers += [_in(several, one) for one in _panel_texts(data, panel, scale)]
    layers.append(outlines(data, several=several))
    layers += [_in(several, one) for one in markers(data)]
    return layered(layers, panel_height(data, PANEL_ROW, PANEL_HEIGHTS))


def _in(several: bool, chart: alt.Chart) -> alt.Chart:
    return chart.transform_filter(IN_FACET) if several else chart


def _panel_texts(data: ReportData, panel: PanelChart, scale: ColourScale | None) -> list[alt.Chart]:
    """NC in cells that have not converged; in the others the number, if it fits."""
    on_colour = ink_on_colour(panel, scale)
    nc = texts(data, fitted_font(2, 11), fill=alt.ExprRef(on_colour))
    marks = [nc.transform_filter(IS_NC).encode(text=alt.value("NC"))]
    if known_values(data, panel.column):
        doubt = f"datum['{panel.column} doubt']"
        fill = alt.ExprRef(f"{doubt} ? '{NOT_CONVERGED_COLOUR}' : {on_colour}")
        numbers = texts(data, fitted_font(6, 11), fill=fill, fontWeight="normal")
        is_there = f"isValid(datum['{panel.column}']) && !({IS_NC})"
        marks.append(
            numbers.transform_filter(is_there)
            .transform_calculate(number=number_text(panel))
            .encode(text=alt.Text("number:N"))
        )
    return marks


def ink_on_colour(panel: PanelChart, scale: ColourScale | None) -> str:
    """A Vega expression for the colour of text that can be read on a cell."""
    if scale is None:
        return f"'{INK}'"
    field = f"datum['{panel.field}']"
    readable = readable_on(f"scale('color', {field})")
    return f"isValid({field}) ? ({readable}) : '{INK}'"


def number_text(panel: PanelChart) -> str:
    """A Vega expression for a cell's number as text; huge ones have an exponent, zero no sign."""
    value = f"datum['{panel.column}']"
    number = f"format({value}, abs({value}) < {HUGE} ? '{panel.number}' : '.0e')"
    return f"toNumber(replace({number}, '−', '-')) == 0 ? '0' : {number}"


def _colour(data: ReportData, panel: PanelChart, scale: ColourScale) -> alt.Color:
    written = f"format({legend_number(panel)}, '.3~g')"
    legend = alt.Legend(
        title=None,
        orient="right",
        gradientLength=legend_length(data),
        gradientThickness=10,
        values=scale.ticks,
        labelExpr=f"({is_threshold(scale)}) ? '◂ ' + {written} : {written}",
        labelOverlap=False,
    )
    return alt.Color(f"{panel.field}:Q", scale=vega_scale(panel, scale), legend=legend)


def legend_number(panel: PanelChart) -> str:
    """A Vega expression for the number of a legend's label; that of a logarithm is undone."""
    return "exp(datum.value)" if panel.field != panel.column else "datum.value"


def is_threshold(scale: ColourScale) -> str:
    """A Vega expression for whether a legend's label is a threshold."""
    return " || ".join(f"abs(datum.value - {mark!r}) < 1e-9" for mark in scale.marks) or "false"


def vega_scale(panel: PanelChart, scale: ColourScale) -> alt.Scale:
    """The colours of a panel as Vega draws them."""
    scheme: Any = panel.scheme
    unset: Any = alt.Undefined
    return alt.Scale(
        type=unset if scale.linear_to is None else "symlog",
        constant=unset if scale.linear_to is None else scale.linear_to,
        scheme=scheme,
        domain=list(scale.domain),
        domainMid=unset if scale.middle is None else scale.middle,
        reverse=panel.reverse,
        clamp=True,
    )


def legend_length(data: ReportData) -> int:
    """The length of the legend beside a panel."""
    return max(panel_height(data, PANEL_ROW, PANEL_HEIGHTS) - 20, 90)


def panel_height(data: ReportData, row: float, limits: Sequence[int]) -> int:
    """Height of a map in pixels: that of its rows, within limits."""
    least, most = limits
    n = len(data.y.values)
    return int(min(max(row * n, least), max(most, math.ceil(7.5 * n))))
