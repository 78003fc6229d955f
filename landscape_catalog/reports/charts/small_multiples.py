"""Small multiples of line charts, one per cell, arranged like the phase diagram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from landscape_catalog.reports.charts.maps import FADED
from landscape_catalog.reports.charts.marks import IN_FACET, phase_colour, with_parameters
from landscape_catalog.reports.charts.scales import LETTER_WIDTH
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.lines import Curves
from landscape_catalog.reports.data.metric_columns import with_unit

PAGE_WIDTH = 1150
LARGEST, SMALLEST = (112, 62), (34, 26)
SPACING = 8
ROOM_FOR_THREE_LABELS = 60


def training_curves(name: str, lines: Sequence[dict[str, Any]], data: ReportData) -> Any:
    """Training loss by epoch, with one small chart per cell.

    Args:
        name: name of the table of lines in the page.
        lines: the lines.
        data: the cells.
    """
    chart = (
        alt.Chart(alt.NamedData(name))
        .transform_filter(IN_FACET)
        .transform_flatten(["epoch", "train_loss"])
        .transform_calculate(train_loss="datum.train_loss > 0 ? datum.train_loss : null")
        .mark_line(strokeWidth=1.2)
        .encode(
            x=alt.X("epoch:Q", title=None, axis=_small_axis(tickCount=2)),
            y=alt.Y(
                "train_loss:Q",
                title=None,
                scale=alt.Scale(type="log"),
                axis=_small_axis(**_powers(lines)),
            ),
            detail="seed:N",
            color=phase_colour(data.rule),
            tooltip=["seed:N", "epoch:Q", alt.Tooltip("train_loss:Q", format=".4g")],
        )
    )
    return _grid_of_charts(chart, data)


def connectivity_curves(name: str, curves: Curves, data: ReportData) -> Any:
    """Training error (or loss) along each fitted curve, with one chart per cell (Figure 12).

    Args:
        name: name of the table of curves in the page.
        curves: the probe's curves, with their quantity and unit.
        data: the cells.
    """
    words = with_unit(f"{curves.quantity}, {{unit}}", curves.unit)
    ends = [0, 0.5, 1] if _width(data) >= ROOM_FOR_THREE_LABELS else [0, 1]
    chart = (
        alt.Chart(alt.NamedData(name))
        .transform_filter(f"{IN_FACET} && datum.kind != 'straight line'")
        .transform_flatten(["t", "train", "test"])
        .mark_line(point=alt.OverlayMarkDef(size=12), strokeWidth=1.2)
        .encode(
            x=alt.X("t:Q", title=None, axis=_small_axis(values=ends, format="~g")),
            y=alt.Y("train:Q", title=None, axis=_small_axis(tickCount=3)),
            detail="pair:N",
            color=phase_colour(data.rule),
            opacity=alt.Opacity(
                "doubt:O", scale=alt.Scale(domain=[False, True], range=[1, FADED]), legend=None
            ),
            tooltip=[
                alt.Tooltip("pair:N", title="seeds"),
                alt.Tooltip("length:N", title="fit"),
                alt.Tooltip("t:Q"),
                alt.Tooltip("train:Q", format=".4~g", title=f"training {words}"),
                alt.Tooltip("test:Q", format=".4~g", title=f"test {words}"),
            ],
        )
    )
    return _grid_of_charts(chart, data)


def _small_axis(**more: Any) -> alt.Axis:
    return alt.Axis(grid=False, labelFontSize=9, tickSize=3, labelFlush=True, **more)


def _powers(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """At most three ticks, at powers of ten; if fewer than two lie in the range, other numbers."""
    values = [value for line in lines for value in line["train_loss"] if value and value > 0]
    low, high = math.log10(min(values, default=1)), math.log10(max(values, default=1))
    powers = list(range(math.ceil(low), math.floor(high) + 1))
    if len(powers) < 2:
        return {"tickCount": 2, "format": ".1~r"}
    step = -(-len(powers) // 3)
    return {"values": [float(f"1e{power}") for power in powers[::step]], "format": ".0e"}


def _width(data: ReportData) -> int:
    """Width of one small chart, such that a row of them fits the page."""
    room = PAGE_WIDTH - 80 - LETTER_WIDTH * max(map(len, data.y.labels), default=0)
    fitting = room / len(data.x.labels) - SPACING
    return round(min(max(fitting, SMALLEST[0]), LARGEST[0]))


def _grid_of_charts(chart: alt.Chart, data: ReportData) -> Any:
    width = _width(data)
    height = max(round(width * LARGEST[1] / LARGEST[0]), SMALLEST[1])
    row_header = alt.Header(
        labelFontSize=11, labelPadding=6, titleFontSize=11, labelAngle=0, labelAlign="right"
    )
    header = alt.Header(labelFontSize=11, labelPadding=4, titleFontSize=11, titlePadding=2)
    return with_parameters(
        chart.properties(width=width, height=height)
        .facet(
            column=alt.Column("x:N", sort=data.x.labels, title=data.x.title, header=header),
            row=alt.Row("y:N", sort=data.y.labels, title=data.y.title, header=row_header),
            spacing=SPACING,
            bounds="flush",
        )
        .configure_header(titleFontWeight="normal")
        .configure_view(stroke="#ddd")
    )
