"""Charts of a diagnosis: the place on the reference's phase diagram, and the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from landscape_catalog.diagnosis.model import DiagnosisModel
from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.diagnosis.words import parameter_name
from landscape_catalog.reports.data.colours import INK
from landscape_catalog.schema.parameters import parameter

CELLS, NEAREST, CURVES = "cells", "nearest", "curves"  # names of the tables
LARGEST_CELL, WIDEST, HIGHEST = 40, 620, 460  # pixels
CURVE_WIDTH, CURVE_HEIGHT = 420, 240
LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a08000", "#56b4e9"]


def place_chart(
    found: Diagnosis, model: DiagnosisModel
) -> tuple[alt.TopLevelMixin, dict[str, list[dict[str, Any]]]] | None:
    """The reference's cells by phase, with the nearest ones marked, and the rows of both layers.

    Of cells that differ in other parameters than the two that are drawn, those are shown whose
    other parameters are the nearest cell's.

    Args:
        found: with a place in the reference.
        model: with the reference's cells.

    Returns:
        The chart and its tables; None if fewer than two parameters vary, or nothing is near.
    """
    nearest = () if found.reference is None else found.reference.nearest
    paths = [axis.path for axis in model.reference.axes if len(axis.values) > 1]
    if len(paths) < 2 or not nearest:
        return None
    x = next((path for path in paths if path.startswith("load.")), paths[0])
    y = next((path for path in paths if path.startswith("temperature.") and path != x), None)
    y = y or next(path for path in paths if path != x)
    others = {path: nearest[0].coordinates.get(path) for path in paths if path not in (x, y)}
    coordinates = model.cells.coordinates
    rows = [
        {"x": coordinates[x][i], "y": coordinates[y][i], "phase": model.cells.phase[i] or "?"}
        for i in range(len(model.cells.phase))
        if all(coordinates[path][i] == value for path, value in others.items())
    ]
    marks = [
        {"x": one.coordinates[x], "y": one.coordinates[y], "rank": str(rank)}
        for rank, one in enumerate(nearest, 1)
        if all(one.coordinates.get(path) == value for path, value in others.items())
    ]
    held = ", ".join(f"{parameter_name(path)} {value}" for path, value in others.items())
    return _drawn(rows, marks, (x, y), held, model), {CELLS: rows, NEAREST: marks}


def _drawn(
    rows: Sequence[Mapping[str, Any]],
    marks: Sequence[Mapping[str, Any]],
    paths: tuple[str, str],
    held: str,
    model: DiagnosisModel,
) -> alt.TopLevelMixin:
    phases = [one for one in model.rule.phases if any(row["phase"] == one.name for row in rows)]
    domain, colours = [one.name for one in phases], [one.colour for one in phases]
    orders = [_order(path, [row[side] for row in rows]) for path, side in zip(paths, "xy")]
    sizes = [min(LARGEST_CELL * len(order), most) for order, most in zip(orders, (WIDEST, HIGHEST))]
    x, y = _axes(orders, paths)
    cells = (
        alt.Chart(alt.NamedData(name=CELLS))
        .mark_rect(stroke="#ffffff", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "phase:N",
                scale=alt.Scale(domain=domain, range=colours),
                legend=alt.Legend(title="phase"),
            ),
            tooltip=[
                alt.Tooltip("x:O", title=parameter_name(paths[0])),
                alt.Tooltip("y:O", title=parameter_name(paths[1])),
                alt.Tooltip("phase:N", title="phase"),
            ],
        )
    )
    base = alt.Chart(alt.NamedData(name=NEAREST)).encode(x=x, y=y)
    rings = base.mark_point(
        shape="circle",
        size=260,
        filled=True,
        fill="#ffffff",
        stroke=INK,
        strokeWidth=1.5,
        opacity=1,
    )
    ranks = base.mark_text(fontSize=11, fontWeight="bold", color=INK).encode(text="rank:N")
    layered: Any = alt.layer(cells, rings, ranks).properties(width=sizes[0], height=sizes[1])
    if held:
        layered = layered.properties(title=alt.TitleParams(f"at {held}", fontWeight="normal"))
    return layered.configure_axis(titleFontWeight="normal").configure_view(stroke=None)


def _axes(orders: Sequence[list[Any]], paths: tuple[str, str]) -> tuple[Any, Any]:
    """Both axes, with a place for each value."""
    plain = alt.Axis(labelAngle=0)
    one, other = map(parameter_name, paths)
    return (
        alt.X("x:O", sort=orders[0], title=one, axis=plain),
        alt.Y("y:O", sort=orders[1], title=other, axis=plain),
    )


def _order(path: str, values: Sequence[Any]) -> list[Any]:
    """Distinct values: along x rising; along y with the hotter ones, or less load, on top."""
    distinct = list(dict.fromkeys(values))
    try:
        return sorted(distinct, reverse=path.startswith("temperature.") and not _descends(path))
    except TypeError:
        return distinct


def _descends(path: str) -> bool:
    return parameter(path).descending


def curves_chart(found: Diagnosis) -> tuple[alt.TopLevelMixin, list[dict[str, Any]]] | None:
    """Training and test error along the curves; None if there are none."""
    rows = [
        {
            "t": t,
            "error": error,
            "curve": f"{curve.members[0]} and {curve.members[1]}",
            "data": side,
        }
        for curve in found.curves
        for side, errors in (("training", curve.train_error), ("test", curve.test_error))
        for t, error in zip(curve.t, errors)
        if error is not None
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(str(row["curve"]) for row in rows))
    sides = list(dict.fromkeys(str(row["data"]) for row in rows))
    chart: Any = (
        alt.Chart(alt.NamedData(name=CURVES))
        .mark_line(point=True)
        .encode(
            x=alt.X("t:Q", title="position t along the curve", axis=alt.Axis(values=[0, 0.5, 1])),
            y=alt.Y("error:Q", title="error, %"),
            color=alt.Color(
                "curve:N",
                scale=alt.Scale(
                    domain=names, range=[LINES[i % len(LINES)] for i in range(len(names))]
                ),
                legend=alt.Legend(title="checkpoints"),
            ),
            strokeDash=alt.StrokeDash(
                "data:N",
                scale=alt.Scale(domain=sides, range=[[1, 0], [5, 4]][: len(sides)]),
                legend=None,  # the page says which lines are dashed
            ),
            tooltip=["curve:N", "data:N", "t:Q", alt.Tooltip("error:Q", format=".2f")],
        )
        .properties(width=CURVE_WIDTH, height=CURVE_HEIGHT)
        .configure_axis(titleFontWeight="normal")
    )
    return chart, rows
