"""Parallel coordinates: a line for each cell across its metrics, coloured by phase."""

from __future__ import annotations

import json
from typing import Any

import altair as alt

from landscape_catalog.reports.charts.marks import (
    IN_BRUSH,
    IN_FACET,
    PHASE,
    layered,
    phase_colour,
    tooltips,
)
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.coordinates import Coordinate

HEIGHT = 260


def parallel_chart(data: ReportData, axes: list[Coordinate]) -> Any:
    """A line for each cell of the facet; the cells in the brush are strong.

    Args:
        data: the cells.
        axes: the coordinates, from left to right.
    """
    titles = json.dumps([one.title for one in axes])
    brush = alt.selection_interval(name="parallel", encodings=["x", "y"], zoom=False)
    base = alt.Chart()
    if len(data.facets) > 1:
        base = base.transform_filter(IN_FACET)
    for k, one in enumerate(axes):
        value = f"datum['{one.field}']"
        share = f"({value} - ({one.low!r})) / ({one.high - one.low!r})"
        base = base.transform_calculate(**{f"c{k}": f"isValid({value}) ? {share} : null"})
    folded = (
        base.transform_fold([f"c{k}" for k in range(len(axes))], as_=["key", "v"])
        .transform_calculate(k="toNumber(slice(datum.key, 1))", label=PHASE)
        .encode(
            x=alt.X(
                "k:Q",
                title=None,
                scale=alt.Scale(domain=[-0.15, len(axes) - 0.85], nice=False),
                axis=alt.Axis(
                    values=list(range(len(axes))),
                    labelExpr=f"{titles}[datum.value]",
                    labelAngle=0,
                    labelOverlap=True,
                    labelLimit=140,
                    orient="top",
                    grid=False,
                    ticks=False,
                ),
            ),
            y=alt.Y("v:Q", axis=None, scale=alt.Scale(domain=[-0.06, 1.06], nice=False)),
            detail=alt.Detail("i:N"),
        )
    )
    chosen = f"datum.i == selected || datum.i == hovered ? 3.5 : {IN_BRUSH} ? 1.4 : 0.7"
    lines = (
        folded.transform_calculate(width=chosen, strong=f"{IN_BRUSH} ? 0.85 : 0.08")
        .mark_line()
        .encode(
            color=phase_colour(data.rule, "label"),
            strokeWidth=alt.StrokeWidth("width:Q", scale=None),
            opacity=alt.Opacity("strong:Q", scale=None, legend=None),
            tooltip=tooltips(data),
        )
        .add_params(brush)
    )
    return layered([lines, _axes(axes), _kept(axes), *_ends(axes)], HEIGHT, more={"ranges": []})


def _axes(axes: list[Coordinate]) -> alt.Chart:
    """A line for each axis, which leaves room for the values at its ends."""
    rows = alt.Data(values=[{"k": k, "low": 0, "high": 1} for k in range(len(axes))])
    return (
        alt.Chart(rows)
        .mark_rule(stroke="#999")
        .encode(x=alt.X("k:Q"), y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    )


def _kept(axes: list[Coordinate]) -> alt.Chart:
    """The range of each axis that is kept; the page has them in the parameter `ranges`."""
    rows = alt.Data(values=[{"k": k} for k in range(len(axes))])
    return (
        alt.Chart(rows)
        .transform_calculate(kept="ranges[datum.k]")
        .transform_filter("isValid(datum.kept)")
        .transform_calculate(low="datum.kept[0]", high="datum.kept[1]")
        .mark_rule(strokeWidth=9, stroke="#8a8f96", opacity=0.45)
        .encode(x=alt.X("k:Q"), y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    )


def _ends(axes: list[Coordinate]) -> list[alt.Chart]:
    """The values at both ends of each axis."""
    rows = [
        {"k": k, "v": end, "text": text}
        for k, one in enumerate(axes)
        for end, text in ((0, one.least), (1, one.most))
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("k:Q"), y=alt.Y("v:Q"), text=alt.Text("text:N")
    )
    low = base.transform_filter("datum.v == 0").mark_text(dy=9, fontSize=9, color="#7d848c")
    return [
        low,
        base.transform_filter("datum.v == 1").mark_text(dy=-8, fontSize=9, color="#7d848c"),
    ]
