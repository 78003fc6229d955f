"""Metrics against the temperature, with one line per load (Figure 8e)."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt

from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import NC
from landscape_catalog.reports.axes import Axis
from landscape_catalog.reports.cell_marks import CELLS, faceted, titled
from landscape_catalog.reports.cells import ReportData
from landscape_catalog.reports.colours import sequence
from landscape_catalog.reports.layout import PAGE_WIDTH, scale_of, ticks_of
from landscape_catalog.reports.metric_columns import with_unit
from landscape_catalog.schema.tables import Row

WIDTH, HEIGHT, NARROWEST = 400, 220, 170
MARGIN, LONGEST_BAR = 1.1, 5


@dataclass(frozen=True)
class SliceChart:
    """One metric against the temperature."""

    column: str
    title: str
    hint: str
    logarithmic: bool = False

    @property
    def key(self) -> str:
        """Id of the chart in the page."""
        return f"slice-{self.column}"


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
            every.append(SliceChart(name, title, drawn.hint, drawn.logarithmic))
    return [one for one in every if _rows(data, one)]


def slice_chart(data: ReportData, one: SliceChart) -> alt.TopLevelMixin:
    """Mean and standard deviation of a metric against the temperature, with one line per load."""
    span = _span(data, one) if one.logarithmic else None
    columns, width = _columns(data)
    ticks = ticks_of(_horizontal(data.y), width, titleFontSize=11)
    base = (
        alt.Chart()
        .transform_filter(_is_drawn(one))
        .encode(
            x=alt.X("yp:Q", scale=_ascending_scale(data.y), title=_title(data.y), axis=ticks),
            color=_load_colour(data),
            tooltip=[
                alt.Tooltip("x:N", title=data.x.path),
                alt.Tooltip("y:N", title=data.y.path),
                alt.Tooltip(f"{one.column} text:N", title=one.title),
                alt.Tooltip("phase:N"),
            ],
        )
    )
    lines = base.mark_line(strokeWidth=1.6, point=alt.OverlayMarkDef(size=22))
    layers = [lines.encode(y=_value(one, span))]
    if any(row[f"{one.column} sd"] is not None for row in _rows(data, one)):
        layers.append(_bars(base, one, span))
    sized = alt.layer(*layers, data=CELLS).properties(width=width, height=HEIGHT)
    whole = titled(faceted(sized, data, columns, width), one.title, [one.hint], width)
    return whole.configure_axis(titleFontWeight="normal", gridColor="#eee").configure_view(
        stroke="#ddd"
    )


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
        .encode(y=alt.Y("low:Q"), y2="high:Q")
    )


def _value(one: SliceChart, span: tuple[float, float] | None) -> alt.Y:
    scale = alt.Scale(zero=False)
    if span is not None:
        scale = alt.Scale(type="log", domain=list(span), nice=False)
    return alt.Y(f"{one.column}:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5))


def _rows(data: ReportData, one: SliceChart) -> list[Row]:
    """The cells to draw."""
    rows = [row for row in data.cells if row["phase"] != NC.name and row[one.column] is not None]
    return [row for row in rows if row[one.column] > 0] if one.logarithmic else rows


def _is_drawn(one: SliceChart) -> str:
    """The condition of `_rows` as a Vega expression."""
    value = f"datum['{one.column}']"
    test = f"{value} > 0" if one.logarithmic else f"isValid({value})"
    return f"datum.phase != '{NC.name}' && {test}"


def _columns(data: ReportData) -> tuple[int, int]:
    n = len(data.facets)
    if n < 2:
        return 1, WIDTH
    columns = min(n, PAGE_WIDTH // (NARROWEST + 40))
    return columns, min(WIDTH, round((PAGE_WIDTH - 140) / columns - 20))


def _horizontal(axis: Axis) -> Axis:
    """The y axis as a horizontal axis, with values increasing to the right."""
    return Axis(axis.path, axis.values, axis.scale, vertical=False)


def _ascending_scale(axis: Axis) -> alt.Scale:
    scale = scale_of(axis).copy()
    scale["reverse"] = False
    return scale


def _title(axis: Axis) -> str:
    if axis.title == axis.name:
        return axis.name
    return f"{axis.name}   ({'← hotter' if axis.reverse else 'hotter →'})"


def _load_colour(data: ReportData) -> alt.Color:
    labels = data.x.labels
    scale = alt.Scale(domain=labels, range=sequence(len(labels)))
    legend = alt.Legend(title=data.x.name, symbolSize=50, columns=1 + len(labels) // 13)
    return alt.Color("x:N", sort=labels, scale=scale, legend=legend)
