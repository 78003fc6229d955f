"""Charts of the gain of each variant over `base` (Figure 13)."""

from __future__ import annotations

from typing import Any

import altair as alt

from landscape_catalog.reports.charts.scales import scale_of, ticks_of
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colours import VARIANT_COLOURS
from landscape_catalog.reports.data.gain import Gain

HEIGHT = 230


def best_chart(data: ReportData, name: str, gain: Gain) -> Any:
    """The best value of each variant over all temperatures, at each load.

    Args:
        data: the cells.
        name: name of the table of rows in the page.
        gain: the rows.
    """
    best = _lines(data, name, "best", reverse=not data.performance.higher_is_better)
    return _chart([best], data, gain)


def gain_chart(data: ReportData, name: str, gain: Gain) -> Any:
    """The gain of each variant over base, at each load; arguments as for `best_chart`."""
    over = _lines(data, name, "gain", reverse=False).transform_filter(
        f"datum.variant != '{data.variants[0]}'"
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color="#888").encode(y="y:Q")
    return _chart([zero, over], data, gain)


def _chart(layers: list[alt.Chart], data: ReportData, gain: Gain) -> Any:
    if gain.connected_from is not None:
        layers.append(_turning_point(data, gain))
    return alt.layer(*layers).properties(width="container", height=HEIGHT)


def _lines(data: ReportData, name: str, field: str, *, reverse: bool) -> alt.Chart:
    n = len(data.variants)
    colours = [VARIANT_COLOURS[i % len(VARIANT_COLOURS)] for i in range(n)]
    ticks = ticks_of(data.x, titleFontSize=11)
    return (
        alt.Chart(alt.NamedData(name))
        .transform_filter(f"isValid(datum.{field})")
        .mark_line(point=alt.OverlayMarkDef(size=36), strokeWidth=1.8)
        .encode(
            x=alt.X("xp:Q", scale=scale_of(data.x), title=data.x.title, axis=ticks),
            y=alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=False, reverse=reverse)),
            color=alt.Color(
                "variant:N",
                sort=data.variants,
                scale=alt.Scale(domain=data.variants, range=colours),
                legend=alt.Legend(title="variant"),
            ),
            tooltip=[
                alt.Tooltip("variant:N"),
                alt.Tooltip("x:N", title=data.x.path),
                alt.Tooltip("y:N", title=f"best {data.y.path}"),
                alt.Tooltip("best:Q", format=".5~g", title=data.performance.title.lower()),
                alt.Tooltip("gain:Q", format="+.4~g", title="gain over base"),
                alt.Tooltip("facet:N", title="facet"),
            ],
        )
    )


def _turning_point(data: ReportData, gain: Gain) -> Any:
    values = alt.Data(values=[{"xp": gain.connected_from}])
    return (
        alt.Chart(values)
        .mark_rule(strokeDash=[4, 3], color="#555")
        .encode(x=alt.X("xp:Q", scale=scale_of(data.x)))
    )
