"""Maps of the grid as Altair charts: the phase diagram, and one panel per metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from landscape_catalog.phases import UNCLASSIFIED
from landscape_catalog.reports.cell_marks import (
    CELLS,
    IS_NC,
    SMALLEST_FONT,
    faceted,
    known_values,
    not_converged,
    phase_colour,
    rectangles,
    texts,
    titled,
    tooltips,
)
from landscape_catalog.reports.cells import ReportData
from landscape_catalog.reports.colours import (
    INK,
    MISSING_COLOUR,
    NOT_CONVERGED_COLOUR,
    PAPER,
    readable_on,
)
from landscape_catalog.reports.layout import (
    BOLD_LINE,
    GAP,
    LEGEND_WIDTH,
    LINE_HEIGHT,
    Layout,
    fitted_layout,
)
from landscape_catalog.reports.panels import PanelChart

PHASE_CELL, PANEL_CELL = 74, 46  # nominal size of a cell in pixels
DENSE_PHASE_CELL, DENSE_PANEL_CELL = 34, 18
MOST_LARGE_CELLS = 64
ROOM_FOR_NUMBERS = 32
HUGE = 100_000
FADED = 0.35  # opacity of a cell in which an estimator has not converged
STRETCH = 1.6
LETTERS_OF_TWO = 6  # of the longer of two lines
PHASE_NAME = f"datum.phase == '{UNCLASSIFIED.name}' ? '?' : datum.phase"


def phase_diagram(data: ReportData) -> alt.TopLevelMixin:
    """The phase of every cell by colour, and also as text where it fits into the cell.

    A cell is as strong as its label is sure; a doubtful one also names the second phase.
    """
    layout = _layout(data, PHASE_CELL, DENSE_PHASE_CELL)
    colour = alt.condition("datum.white", alt.value(PAPER), alt.value(INK))
    opacity = alt.Opacity("strength:Q", scale=None, legend=None)
    marks = rectangles(data, layout, 2).encode(color=phase_colour(data.rule), opacity=opacity)
    layers = [marks, *(one.encode(color=colour) for one in _names(data, layout))]
    return _finished(layers, data, layout, "", [])


def _names(data: ReportData, layout: Layout) -> list[alt.Chart]:
    """The phases in the cells, with the second one in doubtful cells if two lines fit."""
    font = layout.font(4, 17)
    if font < SMALLEST_FONT:
        return [not_converged(data, layout, 9)]
    small = min(layout.font(LETTERS_OF_TWO, 14), round(layout.y_cell / 2 / BOLD_LINE, 1))
    has_room = small >= SMALLEST_FONT and any(row["second"] for row in data.cells)
    names = texts(data, layout, font).transform_calculate(name=PHASE_NAME).encode(text="name:N")
    if not has_room:
        return [names]
    line = round(BOLD_LINE * small, 1)
    both = texts(data, layout, small, lineBreak="\n", lineHeight=line, dy=-line / 2)
    both = both.transform_calculate(name=f"({PHASE_NAME}) + ' /\\n' + datum.second")
    return [
        names.transform_filter("datum.second == ''"),
        both.transform_filter("datum.second != ''").encode(text="name:N"),
    ]


def metric_panel(data: ReportData, panel: PanelChart) -> alt.TopLevelMixin:
    """One metric over the grid; grey if it is missing, NC if training has not converged.

    A cell is faded, and its number grey, if an estimator has not converged.
    """
    layout = _layout(data, PANEL_CELL, DENSE_PANEL_CELL)
    is_known = f"isValid(datum['{panel.field}'])"
    missing = rectangles(data, layout, 1, color=MISSING_COLOUR)
    layers = [missing.transform_filter(f"!{is_known}")]
    if known_values(data, panel.field):
        colour = alt.Color(f"{panel.field}:Q", scale=_scale(data, panel), legend=_legend(layout))
        faded = alt.condition(f"datum['{panel.column} doubt']", alt.value(FADED), alt.value(1))
        measured = rectangles(data, layout, 1).encode(color=colour, opacity=faded)
        layers.append(measured.transform_filter(is_known))
    layers += _panel_texts(data, panel, layout)
    doubtful = any(row.get(f"{panel.column} doubt") for row in data.cells)
    faint = "faded: an estimator has not converged" if doubtful else ""
    words = [part for part in (panel.method, "; ".join(filter(None, (panel.hint, faint)))) if part]
    return _finished(layers, data, layout, panel.title, words)


def _panel_texts(data: ReportData, panel: PanelChart, layout: Layout) -> list[alt.Chart]:
    """NC in cells that have not converged; in the others the number, if it fits."""
    field, colour = f"datum['{panel.field}']", alt.ExprRef(f"'{INK}'")
    if known_values(data, panel.field):
        on_colour = readable_on(f"scale('color', {field})")
        colour = alt.ExprRef(f"isValid({field}) ? ({on_colour}) : '{INK}'")
    marks = [not_converged(data, layout, 11, fill=colour)]
    has_room = layout.x_cell >= ROOM_FOR_NUMBERS and layout.y_cell >= LINE_HEIGHT
    if has_room and known_values(data, panel.column):
        is_there = f"isValid(datum['{panel.column}']) && !({IS_NC})"
        doubt = f"datum['{panel.column} doubt']"
        colour = alt.ExprRef(f"{doubt} ? '{NOT_CONVERGED_COLOUR}' : {colour.to_dict()['expr']}")
        numbers = texts(data, layout, 11, fill=colour, fontWeight="normal")
        numbers = numbers.transform_calculate(number=_written(panel)).encode(text="number:N")
        marks.append(numbers.transform_filter(is_there))
    return marks


def _written(panel: PanelChart) -> str:
    """A Vega expression for a cell's number as text; huge ones in scientific notation."""
    value = f"datum['{panel.column}']"
    return f"format({value}, abs({value}) < {HUGE} ? '{panel.number}' : '.0e')"


def _scale(data: ReportData, panel: PanelChart) -> alt.Scale:
    """The colour scale over all panels that share it; symmetric around zero if diverging."""
    values = [value for field in panel.fields for value in known_values(data, field)]
    low, high = min(values), max(values)
    if panel.symmetric:
        reach = max(abs(low), abs(high)) or 1.0
        low, high = -reach, reach
    elif math.isclose(low, high):
        low, high = low - 0.5, high + 0.5
    scheme: Any = panel.scheme
    return alt.Scale(scheme=scheme, domain=[low, high], reverse=panel.reverse)


def _legend(layout: Layout) -> alt.Legend:
    length = min(120, layout.height)
    ticks = 5 if length > 100 else 3
    return alt.Legend(title=None, gradientLength=length, gradientThickness=10, tickCount=ticks)


def _layout(data: ReportData, large: float, dense: float) -> Layout:
    is_small = len(data.x.values) * len(data.y.values) <= MOST_LARGE_CELLS
    return fitted_layout(data, large, STRETCH) if is_small else fitted_layout(data, dense)


def _finished(
    layers: Sequence[alt.Chart], data: ReportData, layout: Layout, title: str, words: list[str]
) -> Any:
    layered = alt.layer(*layers, data=CELLS).encode(tooltip=tooltips(data))
    sized = layered.properties(width=layout.width, height=layout.height)
    columns = min(layout.columns, len(data.facets))
    width = columns * (layout.width + GAP) + LEGEND_WIDTH
    whole = titled(faceted(sized, data, layout.columns, layout.width), title, words, width)
    return whole.configure_axis(titleFontWeight="normal", domain=False).configure_view(stroke=None)
