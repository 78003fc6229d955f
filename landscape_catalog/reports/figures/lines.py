"""Slices for figures: a metric along one axis of the grid, one above the other for each facet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from altair.utils.schemapi import debug_mode

from landscape_catalog.phases import NC
from landscape_catalog.reports.charts.marks import DEFAULTS
from landscape_catalog.reports.charts.scales import ticks_of
from landscape_catalog.reports.charts.slices import SliceChart, slice_chart
from landscape_catalog.reports.data.axes import Axis
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.figures.compose import Placed, composed, drawn, written
from landscape_catalog.reports.figures.layout import MOST_LABEL
from landscape_catalog.reports.figures.specs import LABEL_LINE, SCHEMA, config, room_across
from landscape_catalog.reports.figures.style import Style
from landscape_catalog.reports.figures.type import fitting, plain, text_width

RATIO = 0.6  # height of a plot over its width
MOST_ENTRIES = 12  # in the legend, of the values of the other axis
SYMBOL, TICK = 14.0, 5.0
COLUMNS = ("i", "f", "x", "y", "xp", "yp", "phase")


@dataclass(frozen=True)
class _Sizes:
    """Sizes of one plot in points: of the plot, the font, and the room at its sides."""

    width: float
    height: float
    font: float
    left: float
    right: float
    below: float


def slice_svg(data: ReportData, one: SliceChart, style: Style) -> str:
    """A slice as an SVG image: a line for each value of the other axis, and a plot for each facet.

    Args:
        data: the cells.
        one: the slice.
        style: with width and font size.
    """
    axis, other = (data.y, data.x) if one.along == "y" else (data.x, data.y)
    sizes, font = _sizes(other, style), style.font
    title = fitting(one.title, style.width - sizes.left, font)
    pieces: list[Placed] = [written(title, sizes.left, 1.1 * font, font)]
    y = 1.8 * font
    for f, facet in enumerate(data.facets):
        if len(data.facets) > 1:
            heading = fitting(facet, sizes.width, font)
            pieces.append(written(heading, sizes.left, y + font, font))
            y += 1.5 * font
        pieces.append(drawn(_spec(data, one, f, axis, other, sizes), 0, y, f"c{f}"))
        y += sizes.height + sizes.below
    middle = sizes.left + sizes.width / 2
    across = fitting(plain(one.title_along(axis)), style.width, font)
    pieces.append(written(across, middle, y + font, font, anchor="middle"))
    return composed(style.width, y + 1.6 * font, pieces, one.title)


def _sizes(other: Axis, style: Style) -> _Sizes:
    font = style.font
    left = 3.6 * font + TICK
    longest = max(map(text_width, [*other.labels, other.name])) * font
    right = SYMBOL + min(longest, MOST_LABEL * style.width) + 6
    width = style.width - left - right
    return _Sizes(width, RATIO * width, font, left, right, TICK + LABEL_LINE * font + 3)


def _spec(
    data: ReportData, one: SliceChart, facet: int, axis: Axis, other: Axis, sizes: _Sizes
) -> dict[str, Any]:
    """The page's chart of a slice at a fixed size, with its data, and without interaction."""
    with debug_mode(False):
        chart = slice_chart(data, one).to_dict(validate=False)
    own = {
        "labelFontSize": sizes.font,
        "labelSeparation": 2.5,
        "title": None,
        "labelLimit": room_across(axis, sizes.width),
    }
    ticks = ticks_of(axis).to_dict(validate=False) | own
    legend = {
        "title": other.name,
        "symbolSize": 30,
        "columns": 1,
        "rowPadding": 1,
        "offset": 6,
        "values": _entries(other),
        "labelLimit": sizes.right - SYMBOL - 4,
        "titleLimit": sizes.right - 6,
    }
    for layer in chart["layer"]:
        encoding = layer["encoding"]
        encoding.pop("tooltip", None)
        if "x" in encoding:
            encoding["x"] |= {"axis": ticks, "title": None}
            encoding.get("color", {})["legend"] = legend
        if not one.logarithmic and "scale" in encoding["y"]:
            encoding["y"]["scale"] = {"zero": False, "domain": _domain(data, one)}
        if layer["mark"]["type"] == "line":
            layer["mark"] |= {"strokeWidth": 1.0, "point": {"size": 9}}
    names = [*COLUMNS, one.column, f"{one.column} sd"]
    return {
        "$schema": SCHEMA,
        "width": sizes.width,
        "height": sizes.height,
        "autosize": {"type": "none"},
        "padding": {"left": sizes.left, "top": 3, "right": sizes.right, "bottom": sizes.below},
        "datasets": {"cells": [{name: cell[name] for name in names} for cell in data.cells]},
        "data": {"name": "cells"},
        "layer": chart["layer"],
        "params": [{"name": n, "value": v} for n, v in {**DEFAULTS, "facet": facet}.items()],
        "config": config(sizes.font),
    }


def _entries(other: Axis) -> list[str]:
    """The values in the legend: all of them, or every second, third, and so on."""
    step = -(-len(other.labels) // MOST_ENTRIES)
    return other.labels[::step]


def _domain(data: ReportData, one: SliceChart) -> list[float]:
    """From the lowest to the highest end of a bar, the same for every facet."""
    rows = [c for c in data.cells if c["phase"] != NC.name and c[one.column] is not None]
    ends = [
        row[one.column] + side * (row[f"{one.column} sd"] or 0.0)
        for row in rows
        for side in (-1, 1)
    ]
    thresholds = [c.threshold for c in data.rule.criteria if c.metric == one.column]
    return [min(*ends, *thresholds), max(*ends, *thresholds)]
