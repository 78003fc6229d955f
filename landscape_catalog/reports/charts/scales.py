"""Scales and ticks of the two axes of the grid."""

from __future__ import annotations

import json
from typing import Any

import altair as alt

from landscape_catalog.reports.data.axes import Axis, label

LABEL_SIZE, LETTER_WIDTH = 10, 6.0


def scale_of(axis: Axis) -> alt.Scale:
    """The Vega scale of an axis, from its first edge to its last."""
    return alt.Scale(
        type="log" if axis.scale == "log" else "linear",
        domain=[axis.edges[0], axis.edges[-1]],
        reverse=axis.reverse,
        nice=False,
        zero=alt.Undefined if axis.scale == "log" else False,
    )


def ticks_of(axis: Axis, **more: Any) -> alt.Axis:
    """Ticks at exactly the parameter's values; labels that would overlap are left out."""
    texts = json.dumps([label(value) for value in axis.values])
    return alt.Axis(
        values=list(axis.positions),
        labelExpr=f"{texts}[indexof({json.dumps(axis.positions)}, datum.value)]",
        labelAngle=0,
        labelOverlap="greedy",
        labelFlush=False,
        labelFontSize=LABEL_SIZE,
        grid=False,
        tickSize=4,
        **more,
    )
