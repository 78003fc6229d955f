"""Metrics along one axis of the grid, with one line per value of the other (Figure 8e)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import NC
from landscape_catalog.reports.charts.marks import (
    IN_BRUSH,
    IN_FACET,
    layered,
    tooltips,
)
from landscape_catalog.reports.charts.scales import scale_of, ticks_of
from landscape_catalog.reports.data.axes import Axis
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colours import sequence
from landscape_catalog.reports.data.metric_columns import with_unit
from landscape_catalog.schema.tables import Row

HEIGHT = 210
MARGIN, LONGEST_BAR = 1.1, 5
MOST_ENTRIES = 13  # of a legend; colours of values in order lie between those of their neighbours


@dataclass(frozen=True)
class SliceChart:
    """One metric along an axis.

    Attributes:
        column: of the cells.
        title: the metric, with its unit.
        hint: how to read the axis.
        logarithmic: whether the axis of the metric is logarithmic.
        along: `x` or `y`, the axis of the grid that lies horizontally.
    """

    column: str
    title: str
    hint: str
    logarithmic: bool = False
    along: str = "y"

    @property
    def key(self) -> str:
        """Id of the chart in the page."""
        return f"slice-{self.along}-{self.column}"

    def title_along(self, axis: Axis) -> str:
        """The axis with an arrow, since values always increase to the right."""
        if axis.title == axis.name:
            return axis.name
        effect = "less load" if axis.path.startswith("load.") else "hotter"
        return f"{axis.name}   ({f'← {effect}' if axis.reverse else f'{effect} →'})"


def slices(data: ReportData) -> list[SliceChart]:
    """The slices to draw: none if an axis has only one value, and no metric without values."""
    if min(len(data.x.values), len(data.y.values)) < 2:
        return []
    ranking = [q.name for q in QUANTITIES.values() if q.better is not None]
    names = [data.performance.metric, *(name for name in QUANTITIES if name not in ranking)]
    every = []
    for name in names:
        drawn = QUANTITIES[name].slice
        if drawn is not None:
            title = with_unit(drawn.title, data.units[name])
            every += [
                SliceChart(name, title, drawn.hint, drawn.logarithmic, along) for along in "yx"
            ]
    return [one for one in every if _rows(data, one)]


def slice_chart(data: ReportData, one: SliceChart) -> Any:
    """Mean and standard deviation of a metric along an axis, with a line per value of the other.

    Only cells in the brush are drawn. Dashed: the thresholds of the phase rule on the metric.
    """
    span = _span(data, one) if one.logarithmic else None
    axis, other = (data.y, data.x) if one.along == "y" else (data.x, data.y)
    drawn = f"{IN_BRUSH} && {_is_drawn(one)}"
    drawn += f" && {IN_FACET}" if len(data.facets) > 1 else ""
    ticks, title = ticks_of(axis, titleFontSize=11), one.title_along(axis)
    base = (
        alt.Chart()
        .transform_filter(drawn)
        .encode(
            x=alt.X(
                f"{one.along}p:Q",
                scale=_ascending_scale(axis),
                title=title,
                axis=ticks,
            ),
            color=_colour(other, "x" if one.along == "y" else "y"),
            tooltip=tooltips(data),
        )
    )
    lines = base.mark_line(strokeWidth=1.8, point=alt.OverlayMarkDef(size=30))
    layers = [*_thresholds(data, one, span), lines.encode(y=_value(one, span))]
    if any(row[f"{one.column} sd"] is not None for row in _rows(data, one)):
        layers.append(_bars(base, one, span))
    marked = base.transform_filter("datum.i == selected").mark_point(
        size=150, filled=False, strokeWidth=2.2, color="#1d1d1d"
    )
    layers.append(marked.encode(y=_value(one, span), color=alt.Undefined))
    return layered(layers, HEIGHT)


def _thresholds(
    data: ReportData, one: SliceChart, span: tuple[float, float] | None
) -> list[alt.Chart]:
    found = sorted({c.threshold for c in data.rule.criteria if c.metric == one.column})
    if span is not None:
        found = [threshold for threshold in found if span[0] <= threshold <= span[1]]
    values = alt.Data(values=[{"threshold": threshold} for threshold in found])
    rule = alt.Chart(values).mark_rule(strokeDash=[4, 3], color="#777")
    return [rule.encode(y=_value(one, span, "threshold"))] if found else []


def _span(data: ReportData, one: SliceChart) -> tuple[float, float]:
    """The domain of a logarithmic axis: it includes the bars, but not far below the means."""
    pairs = [(row[one.column], row[f"{one.column} sd"] or 0.0) for row in _rows(data, one)]
    ends = [mean + side * sd for mean, sd in pairs for side in (-1, 0, 1)]
    least = min(pairs)[0] / LONGEST_BAR
    low = min(end for end in ends if end > least)
    return float(f"{low / MARGIN:.3g}"), float(f"{max(ends) * MARGIN:.3g}")


def _bars(base: alt.Chart, one: SliceChart, span: tuple[float, float] | None) -> alt.Chart:
    """Bars of ± one standard deviation, clipped at the lower end of a logarithmic axis."""
    mean, sd = f"datum['{one.column}']", f"datum['{one.column} sd']"
    low = f"{mean} - {sd}" if span is None else f"max({mean} - {sd}, {span[0]})"
    return (
        base.transform_filter(f"isValid({sd})")
        .transform_calculate(low=low, high=f"{mean} + {sd}")
        .mark_rule(strokeWidth=1, opacity=0.6, clip=True)
        .encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    )


def _value(one: SliceChart, span: tuple[float, float] | None, field: str | None = None) -> alt.Y:
    scale = alt.Scale(zero=False)
    if span is not None:
        scale = alt.Scale(type="log", domain=list(span), nice=False)
    return alt.Y(f"{field or one.column}:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5))


def _rows(data: ReportData, one: SliceChart) -> list[Row]:
    """The cells to draw."""
    rows = [row for row in data.cells if row["phase"] != NC.name and row[one.column] is not None]
    return [row for row in rows if row[one.column] > 0] if one.logarithmic else rows


def _is_drawn(one: SliceChart) -> str:
    """The condition of `_rows` as a Vega expression."""
    value = f"datum['{one.column}']"
    test = f"{value} > 0" if one.logarithmic else f"isValid({value})"
    return f"datum.phase != '{NC.name}' && {test}"


def _ascending_scale(axis: Axis) -> alt.Scale:
    scale = scale_of(axis).copy()
    scale["reverse"] = False
    return scale


def _colour(axis: Axis, field: str) -> alt.Color:
    labels = axis.labels
    scale = alt.Scale(domain=labels, range=sequence(len(labels)))
    every = -(-len(labels) // MOST_ENTRIES)
    legend = alt.Legend(title=axis.name, symbolSize=50, labelLimit=110, values=labels[::every])
    return alt.Color(f"{field}:N", sort=labels, scale=scale, legend=legend)
