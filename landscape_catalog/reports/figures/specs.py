"""Specifications of maps at a fixed size: their data, axes, outlines and theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from landscape_catalog.reports.charts.marks import CELLS, DEFAULTS, outlines
from landscape_catalog.reports.charts.scales import ticks_of
from landscape_catalog.reports.data.axes import Axis
from landscape_catalog.reports.data.borders import borders
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colours import INK
from landscape_catalog.reports.figures.type import FAMILY, LINE
from landscape_catalog.schema.parameters import are_numbers
from landscape_catalog.schema.tables import Row

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
BAR, LABEL_LINE = 5.0, 1.15  # height of a colour bar in points, and of a line over the font size
OUTLINE = 1.1
GAP = 3.0  # between labels
GEOMETRY = ("i", "f", "x0", "x1", "y0", "y1", "xm", "ym", "phase")


@dataclass(frozen=True)
class Frame:
    """Where a map is drawn.

    Attributes:
        width: of the grid in points.
        height: of the grid.
        font: font size.
        left: room for the labels of the y axis, whether or not there are any.
        above: room for the colour bar with its labels.
        below: room for the labels of the x axis.
        labels_x: whether the x axis has labels.
        labels_y: whether the y axis has labels.
        legend: whether there is a colour bar.
    """

    width: float
    height: float
    font: float
    left: float
    above: float
    below: float
    labels_x: bool = True
    labels_y: bool = True
    legend: bool = True


def specification(
    data: ReportData, facet: int, frame: Frame, layers: list[alt.Chart], columns: list[str]
) -> dict[str, Any]:
    """Layers over the grid, and the outlines of the phases, as a specification with its data.

    Args:
        data: the cells.
        facet: index of the facet to draw.
        frame: sizes, and which axes have labels.
        layers: the charts.
        columns: of the cells that they use besides places and phases.
    """
    line = outlines(data, several=False)
    with debug_mode(False):
        chart = alt.layer(*layers, line, data=CELLS).to_dict(validate=False)
    for layer in chart["layer"]:
        if layer["mark"]["type"] == "rule":
            layer["mark"]["strokeWidth"] = OUTLINE
        for channel, axis, labels in (
            ("x", data.x, frame.labels_x),
            ("y", data.y, frame.labels_y),
        ):
            layer["encoding"][channel] |= {"axis": _axis(axis, frame, labels=labels), "title": None}
    lines = [row for row in borders(data) if row["f"] == facet]
    return {
        "$schema": SCHEMA,
        "width": frame.width,
        "height": frame.height,
        "autosize": {"type": "none"},
        "padding": {"left": frame.left, "top": frame.above, "right": 1, "bottom": frame.below},
        "datasets": {"cells": _rows(data, facet, columns), "borders": lines},
        "data": {"name": "cells"},
        "layer": chart["layer"],
        "params": [{"name": name, "value": value} for name, value in DEFAULTS.items()],
        "config": config(frame.font),
    }


def _rows(data: ReportData, facet: int, columns: list[str]) -> list[Row]:
    """The cells of a facet, with no more than what is drawn."""
    names = [*GEOMETRY, *columns]
    here = [cell for cell in data.cells if cell["f"] == facet]
    return [{name: cell[name] for name in names if name in cell} for cell in here]


def _axis(axis: Axis, frame: Frame, *, labels: bool) -> dict[str, Any]:
    ticks: dict[str, Any] = ticks_of(axis).to_dict(validate=False)
    limit = frame.left - 1.6 * frame.font - 4 if axis.vertical else room_across(axis, frame.width)
    own = {"labelFontSize": frame.font, "labelSeparation": 2.5, "labelLimit": limit}
    return ticks | own | {"labels": labels, "title": None}


def room_across(axis: Axis, width: float) -> float:
    """How wide labels below an axis may be: words as wide as a cell; numbers are left out instead.

    Args:
        axis: the axis.
        width: its length.
    """
    return width if are_numbers(axis.values) else width / len(axis.values) - GAP


def config(font: float) -> dict[str, Any]:
    """The theme of every figure, at a font size."""
    return {
        "font": FAMILY,
        "aria": False,
        "background": None,
        "view": {"stroke": LINE, "strokeWidth": 0.6},
        "axis": {
            "labelFontSize": font,
            "titleFontSize": font,
            "titleFontWeight": "normal",
            "labelColor": INK,
            "titleColor": INK,
            "tickSize": 2.5,
            "tickWidth": 0.6,
            "tickColor": LINE,
            "domain": False,
            "labelPadding": 2,
            "gridWidth": 0.4,
        },
        "legend": {
            "labelFontSize": font,
            "titleFontSize": font,
            "titleFontWeight": "normal",
            "labelColor": INK,
            "labelOffset": 1.5,
            "labelPadding": 1,
            "gradientStrokeColor": LINE,
            "gradientStrokeWidth": 0.4,
        },
    }
