"""What charts of cells are made of: rectangles, texts, tooltips, facets and titles."""

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
from landscape_catalog.reports.layout import GAP, LETTER_WIDTH, Layout, apart, scale_of, ticks_of

CELLS = alt.NamedData("cells")
IS_NC = f"datum.phase == '{NC.name}'"
SMALLEST_FONT = 6.0
FEWEST_LETTERS = 48


def known_values(data: ReportData, field: str) -> list[float]:
    """The numbers in a column."""
    return [row[field] for row in data.cells if row[field] is not None]


def phase_colour(rule: Rule) -> alt.Color:
    """The colours of a rule's phases."""
    phases = rule.phases
    scale = alt.Scale(domain=[p.name for p in phases], range=[p.colour for p in phases])
    return alt.Color("phase:N", scale=scale, legend=None)


def rectangles(data: ReportData, layout: Layout, stroke: float, **more: Any) -> alt.Chart:
    """The cells with their edges, and white lines between them unless they are tiny."""
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
    """Text in the middle of the cells."""
    return (
        alt.Chart()
        .mark_text(**{"fontSize": font, "fontWeight": "bold", **more})
        .encode(
            x=_position(data.x, "xm", layout.width),
            y=_position(data.y, "ym", layout.height),
        )
    )


def not_converged(data: ReportData, layout: Layout, largest: float, **more: Any) -> alt.Chart:
    """NC in each cell that has not converged; here and there among them where cells are tiny."""
    font, chosen = layout.font(2, largest), IS_NC
    if font < SMALLEST_FONT:
        font = SMALLEST_FONT
        rows = [row for row in data.cells if row["phase"] == NC.name]
        chosen = f"indexof({json.dumps(apart(data, layout, rows, font))}, datum.i) >= 0"
    return (
        texts(data, layout, font, **more).transform_filter(chosen).encode(text=alt.value(NC.name))
    )


def tooltips(data: ReportData) -> list[alt.Tooltip]:
    """Everything that is known of a cell."""
    heads = [("phase", "phase"), ("reason", "because"), ("x", data.x.path), ("y", data.y.path)]
    heads += [("facet", "and")] if len(data.facets) > 1 else []
    heads += [("runs", "runs"), ("note", "note")]
    for measure in data.measures:
        if known_values(data, measure.column):
            unit = data.units[measure.metric]
            words = [measure.words, *filter(None, [unit, measure.way])]
            heads.append((f"{measure.column} text", ", ".join(words)))
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in heads]


def faceted(chart: Any, data: ReportData, columns: int, width: float) -> Any:
    """One diagram for each facet, if there are several.

    Args:
        chart: the diagram.
        data: the facets.
        columns: how many stand in a row.
        width: of one diagram; headings are broken into lines to fit it.
    """
    if len(data.facets) < 2:
        return chart
    lines = [
        [line for part in facet.split(", ") for line in _broken(part, width / LETTER_WIDTH)]
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
    """A chart with its title, and what is said of it under that.

    Args:
        chart: the chart.
        title: the title; empty for none.
        words: sentences, each from a new line.
        width: of the chart, in which lines are broken.
    """
    if not title:
        return chart
    letters = max(width / 5.4, FEWEST_LETTERS)
    return chart.properties(
        title=alt.TitleParams(
            title,
            subtitle=[line for part in words for line in _broken(part, letters)],
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


def _broken(words: str, letters: float) -> list[str]:
    return textwrap.wrap(words, max(int(letters), 1), break_long_words=False)
