"""Building blocks of charts of cells: rectangles, text marks, tooltips, facets and titles."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt

from landscape_catalog.phases import NC, Rule
from landscape_catalog.reports.axes import Axis
from landscape_catalog.reports.cells import ReportData
from landscape_catalog.reports.colours import PAPER
from landscape_catalog.reports.layout import (
    GAP,
    LETTER_WIDTH,
    Layout,
    non_overlapping,
    scale_of,
    ticks_of,
)

CELLS = alt.NamedData("cells")
IS_NC = f"datum.phase == '{NC.name}'"
SMALLEST_FONT = 6.0
FEWEST_LETTERS = 48


def known_values(data: ReportData, field: str) -> list[float]:
    """The non-missing numbers in a column."""
    return [row[field] for row in data.cells if row[field] is not None]


def phase_colour(rule: Rule) -> alt.Color:
    """The colour encoding of a rule's phases."""
    phases = rule.phases
    scale = alt.Scale(domain=[p.name for p in phases], range=[p.colour for p in phases])
    return alt.Color("phase:N", scale=scale, legend=None)


def rectangles(data: ReportData, layout: Layout, stroke: float, **more: Any) -> alt.Chart:
    """A rectangle for each cell, with white lines between the cells unless they are tiny."""
    cell = min(layout.x_cell, layout.y_cell)
    width = stroke if cell >= 12 else 0.3 if cell >= 7 else 0
    return (
        alt.Chart()
        .mark_rect(**{"stroke": PAPER, "strokeWidth": width, **more})
        .encode(
            x=_position(data.x, "x0", layout.width),
            x2="x1:Q",
            y=_position(data.y, "y0", layout.height),
            y2="y1:Q",
        )
    )


def texts(data: ReportData, layout: Layout, font: float, **more: Any) -> alt.Chart:
    """A text mark in the middle of each cell."""
    return (
        alt.Chart()
        .mark_text(**{"fontSize": font, "fontWeight": "bold", **more})
        .encode(
            x=_position(data.x, "xm", layout.width),
            y=_position(data.y, "ym", layout.height),
        )
    )


def not_converged(data: ReportData, layout: Layout, largest: float, **more: Any) -> alt.Chart:
    """NC in each cell that has not converged; if cells are tiny, only in as many as have room."""
    font, chosen = layout.font(2, largest), IS_NC
    if font < SMALLEST_FONT:
        font = SMALLEST_FONT
        rows = [row for row in data.cells if row["phase"] == NC.name]
        chosen = f"indexof({json.dumps(non_overlapping(data, layout, rows, font))}, datum.i) >= 0"
    return (
        texts(data, layout, font, **more).transform_filter(chosen).encode(text=alt.value(NC.name))
    )


def tooltips(data: ReportData) -> list[alt.Tooltip]:
    """A tooltip with all values of a cell."""
    heads = [("phase", "phase"), ("probability", "probability"), ("reason", "reason")]
    heads += [("x", data.x.path), ("y", data.y.path)]
    heads += [("facet", "facet")] if len(data.facets) > 1 else []
    heads += [("runs", "runs"), ("note", "note")]
    for column in data.metric_columns:
        if known_values(data, column.name):
            unit = data.units[column.metric]
            words = [column.words, *filter(None, [unit, column.label])]
            heads.append((f"{column.name} text", ", ".join(words)))
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in heads]


def faceted(chart: Any, data: ReportData, columns: int, width: float) -> Any:
    """Facet a chart if there are several facets.

    Args:
        chart: the chart.
        data: the data, with their facets.
        columns: facets per row.
        width: width of one facet, to which headings are wrapped.
    """
    if len(data.facets) < 2:
        return chart
    lines = [
        [line for part in facet.split(", ") for line in _wrapped(part, width / LETTER_WIDTH)]
        for facet in data.facets
    ]
    header = alt.Header(
        title=None,
        labelExpr=f"{json.dumps(lines)}[indexof({json.dumps(data.facets)}, datum.label)]",
        labelFontSize=11,
        labelLimit=0,
        labelPadding=4,
        labelLineHeight=13,
    )
    facet = alt.Facet("facet:N", sort=data.facets, header=header)
    return chart.facet(facet, columns=columns, spacing=GAP)


def titled(chart: Any, title: str, words: Sequence[str], width: float) -> Any:
    """A chart with a title and a subtitle.

    Args:
        chart: the chart.
        title: the title; empty for none.
        words: the sentences of the subtitle, each on a new line.
        width: width of the chart, to which lines are wrapped.
    """
    if not title:
        return chart
    letters = max(width / 5.4, FEWEST_LETTERS)
    return chart.properties(
        title=alt.TitleParams(
            title,
            subtitle=[line for part in words for line in _wrapped(part, letters)],
            anchor="start",
            fontSize=13,
            subtitleFontSize=11,
            subtitleColor="#5d6670",
            subtitlePadding=3,
            offset=8,
        )
    )


def _position(axis: Axis, field: str, length: float) -> Any:
    channel: Any = alt.Y if axis.vertical else alt.X
    title = axis.title if length >= LETTER_WIDTH * len(axis.title) else axis.name
    ticks = ticks_of(axis, length, titleFontSize=11)
    return channel(f"{field}:Q", scale=scale_of(axis), title=title, axis=ticks)


def _wrapped(words: str, letters: float) -> list[str]:
    return textwrap.wrap(words, max(int(letters), 1), break_long_words=False)
