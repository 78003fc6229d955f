"""Charts of a single cell: its runs and pairs, curves, training and Hessian spectrum."""

from __future__ import annotations

from typing import Any

import altair as alt

from landscape_catalog.reports.data.colours import NOT_CONVERGED_COLOUR
from landscape_catalog.reports.data.metric_columns import with_unit

LINES_HEIGHT, NETWORK_HEIGHT = 150, 190
SEED = alt.Color("seed:N", scale=alt.Scale(scheme="tableau10"), legend=None)


def network_chart(reach: float, unit: str) -> Any:
    """Runs as nodes and pairs as edges, coloured by mode connectivity.

    Args:
        reach: the |mc| with the strongest colours, the same for all cells.
        unit: of mode connectivity.
    """
    title = with_unit("mc, {unit}", unit)
    links = alt.Chart(alt.NamedData("links")).encode(
        x=_place("x"), x2="x2:Q", y=_place("y"), y2="y2:Q"
    )
    # White is seen on any page; pairs without a curve are thin.
    width = alt.ExprRef("isValid(datum.mc) ? 6.5 : 0.8")
    ground = links.mark_rule(strokeWidth=width, stroke="#8a8f96")
    edges = links.mark_rule(strokeWidth=4).encode(
        color=alt.Color(
            "mc:Q",
            scale=alt.Scale(
                scheme="redblue", domain=[-reach, reach], domainMid=0, reverse=True, clamp=True
            ),
            legend=alt.Legend(title=title, gradientLength=90, gradientThickness=8, tickCount=3),
        ),
        strokeDash=alt.StrokeDash(
            "doubt:N",
            scale=alt.Scale(domain=[False, True], range=[[1, 0], [4, 4]]),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("pair:N", title="seeds"),
            alt.Tooltip("mc:Q", format=".3~g", title=title),
            alt.Tooltip("cka:Q", format=".3f", title="CKA"),
            alt.Tooltip("l2:Q", format=".4~g", title="L2 distance"),
            alt.Tooltip("line:Q", format=".3~g", title="barrier of the straight line"),
            alt.Tooltip("fit:N", title="fit of the curve"),
        ],
    )
    nodes = alt.Chart(alt.NamedData("nodes")).encode(x=_place("x"), y=_place("y"))
    circles = nodes.mark_circle(size=420, opacity=1, stroke="#fff", strokeWidth=1.5).encode(
        color=alt.condition("datum.nc", alt.value(NOT_CONVERGED_COLOUR), alt.value("#2d3a48")),
        tooltip=["seed:N", "status:N", "run_id:N"],
    )
    names = nodes.mark_text(color="#fff", fontWeight="bold").encode(text="seed:N")
    return alt.layer(ground, edges, circles, names).properties(
        width="container", height=NETWORK_HEIGHT
    )


def _place(name: str) -> Any:
    channel: Any = alt.X if name == "x" else alt.Y
    return channel(f"{name}:Q", scale=alt.Scale(domain=[-1.25, 1.25]), axis=None)


def curves_chart(quantity: str, unit: str) -> Any:
    """Training error or loss along each fitted curve and, dashed, along the straight line.

    Args:
        quantity: `error` or `loss`.
        unit: its unit.
    """
    title = with_unit(f"training {quantity}, {{unit}}", unit)
    both = (
        alt.Chart(alt.NamedData("curves"))
        .transform_flatten(["t", "train", "test"])
        .encode(
            x=alt.X("t:Q", title="t along the curve", axis=alt.Axis(tickCount=5, grid=False)),
            y=alt.Y("train:Q", title=title, axis=alt.Axis(tickCount=4)),
            color=alt.Color("pair:N", scale=alt.Scale(scheme="tableau10"), legend=None),
            detail="kind:N",
            tooltip=[
                alt.Tooltip("pair:N", title="seeds"),
                "kind:N",
                alt.Tooltip("length:N", title="fit"),
                alt.Tooltip("t:Q", format=".2f"),
                alt.Tooltip("train:Q", format=".4~g", title=title),
                alt.Tooltip("test:Q", format=".4~g", title=title.replace("training", "test", 1)),
            ],
        )
    )
    kind = alt.StrokeDash(
        "kind:N",
        scale=alt.Scale(domain=["curve", "straight line"], range=[[1, 0], [3, 3]]),
        legend=alt.Legend(title=None, orient="top", symbolType="stroke"),
    )
    # Points of their own: those of a line would take the stroke from its legend.
    lines = both.mark_line(strokeWidth=1.6).encode(strokeDash=kind)
    points = both.mark_point(filled=True, size=14, opacity=1)
    return alt.layer(lines, points).properties(width="container", height=LINES_HEIGHT)


def training_chart(unit: str) -> Any:
    """Training loss by epoch, a line for each seed.

    Args:
        unit: of the loss.
    """
    title = with_unit("training loss, {unit}", unit)
    return (
        alt.Chart(alt.NamedData("training"))
        .transform_flatten(["epoch", "train_loss"])
        .transform_filter("datum.train_loss > 0")
        .mark_line(strokeWidth=1.4)
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickCount=5, grid=False)),
            y=alt.Y(
                "train_loss:Q", title=title, scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=3)
            ),
            color=SEED,
            tooltip=["seed:N", "epoch:Q", alt.Tooltip("train_loss:Q", format=".4g")],
        )
        .properties(width="container", height=LINES_HEIGHT)
    )


def density_chart() -> Any:
    """The spectral density of the Hessian, a line for each seed."""
    return (
        alt.Chart(alt.NamedData("densities"))
        .transform_flatten(["value", "density"])
        .transform_filter("datum.density > 0")
        .mark_line(strokeWidth=1.3)
        .encode(
            x=alt.X("value:Q", title="eigenvalue", axis=alt.Axis(tickCount=5, grid=False)),
            y=alt.Y("density:Q", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=3)),
            color=SEED,
            tooltip=["seed:N", alt.Tooltip("value:Q", format=".4g"), alt.Tooltip("density:Q")],
        )
        .properties(width="container", height=LINES_HEIGHT)
    )
