"""Maps of the difference of two experiments: the phases that change, and one map per metric."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt

from landscape_catalog.phases import NC
from landscape_catalog.reports.charts.maps import (
    FADED,
    OUTSIDE,
    PANEL_HEIGHTS,
    PANEL_ROW,
    legend_length,
    panel_height,
)
from landscape_catalog.reports.charts.marks import (
    fitted_font,
    layered,
    markers,
    phase_colour,
    rectangles,
    texts,
)
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colours import (
    INK,
    MISSING_COLOUR,
    PAPER,
    readable_on,
)
from landscape_catalog.reports.data.difference import Difference, DifferencePanel

ROWS = alt.NamedData("difference")
IN_BRUSH = "(!length(brushed) || indexof(brushed, datum.i) >= 0 || indexof(brushed, datum.j) >= 0)"
NOW, BEFORE = "(labels[datum.i] || datum.phase)", "(labels[datum.j] || datum.before)"
CHANGED = f"{NOW} != {BEFORE}"  # under the thresholds that a reader has moved
NC_IN_EITHER = f"datum.phase == '{NC.name}' || datum.before == '{NC.name}'"
IN_GROUP = "(datum.f == facet || datum.g == facet)"
SCHEME: Literal["purpleorange"] = (
    "purpleorange"  # purple: less in the second; safe for colour-blind readers
)
DOUBTFUL = "#5c636b"  # a number whose estimator has not converged in either experiment
UNCHANGED = 0.3  # opacity of a cell that keeps its phase
LETTERS_OF_CHANGE = 9


def change_map(data: ReportData, found: Difference) -> Any:
    """The phases of the second experiment; those that differ from the first are strong, and named.

    Args:
        data: the cells of both.
        found: their difference.
    """
    font = fitted_font(LETTERS_OF_CHANGE, 12)
    strength = f"({CHANGED} ? 1 : {UNCHANGED}) * ({IN_BRUSH} ? 1 : {OUTSIDE})"
    dark = [phase.name for phase in data.rule.phases if phase.dark]
    white = f"{CHANGED} && indexof({dark}, {NOW}) >= 0"
    cells = (
        rectangles(data)
        .transform_calculate(drawn=strength, now=NOW)
        .encode(
            color=phase_colour(data.rule, "now"),
            opacity=alt.Opacity("drawn:Q", scale=None, legend=None),
            tooltip=_tooltips(data, found, "change"),
        )
    )
    names = texts(data, font, fill=alt.ExprRef(f"{white} ? '#ffffff' : '{INK}'"))
    written = f"{CHANGED} ? {BEFORE} + ' → ' + {NOW} : {NOW}"
    named = names.transform_calculate(words=written).encode(text="words:N")
    frame = rectangles(data, filled=False, stroke=INK, strokeWidth=2, strokeDash=[2, 2])
    layers = [cells, named, frame.transform_filter(CHANGED)]
    return _map(data, found, layers)


def difference_map(data: ReportData, found: Difference, one: DifferencePanel) -> Any:
    """One metric's difference over the grid, second minus first, on colours centred on zero.

    Cells whose phase changes have a dashed frame; a difference that cannot be told from zero is
    pale, with ≈ before its number.

    Args:
        data: the cells of both.
        found: their difference.
        one: the metric.
    """
    name = one.panel.column
    known = f"isValid(datum['{name}'])"
    tips = _tooltips(data, found, name)
    faded = f"(datum['{name} alike'] || datum['{name} doubt'] ? {FADED} : 1)"
    drawn = f"{faded} * ({IN_BRUSH} ? 1 : {OUTSIDE})"
    missing = rectangles(data, color=MISSING_COLOUR).transform_filter(f"!{known}")
    measured = rectangles(data).transform_filter(known).transform_calculate(drawn=drawn)
    readable = readable_on(f"scale('color', datum['{name}'])")
    fill = f"datum['{name} doubt'] ? '{DOUBTFUL}' : datum['{name} alike'] ? '{INK}' : ({readable})"
    nc = texts(data, fitted_font(2, 11), fill=INK)
    numbers = texts(data, fitted_font(7, 11), fill=alt.ExprRef(fill), fontWeight="normal")
    frame = rectangles(data, filled=False, stroke=INK, strokeWidth=1.5, strokeDash=[2, 2])
    layers = [
        missing.encode(tooltip=tips),
        measured.encode(
            color=_colour(data, one),
            opacity=alt.Opacity("drawn:Q", scale=None, legend=None),
            tooltip=tips,
        ),
        numbers.transform_filter(known)
        .transform_calculate(number=_written(one))
        .encode(text="number:N"),
        nc.transform_filter(NC_IN_EITHER).encode(text=alt.value("NC")),
        frame.transform_filter(CHANGED),
    ]
    return _map(data, found, layers)


def _map(data: ReportData, found: Difference, layers: list[alt.Chart]) -> Any:
    """Layers over the grid, of the pair of facets that is shown; a frame marks either cell."""
    ground = rectangles(data, color=PAPER)  # pale colours are read on white, also on a dark page
    every = [ground, *layers, *markers(data, partner="datum.j")]
    if found.matched.n_groups > 1:
        every = [layer.transform_filter(IN_GROUP) for layer in every]
    height = panel_height(data, PANEL_ROW, PANEL_HEIGHTS)
    return layered(every, height, rows=ROWS)


def _written(one: DifferencePanel) -> str:
    """A Vega expression for a difference as text: signed, or as a ratio."""
    value, alike = f"datum['{one.panel.column}']", f"datum['{one.panel.column} alike']"
    fixed = "+.1f" if one.panel.number.endswith(".1f") else "+.2~g"
    number = f"format({value}, abs({value}) < 100 ? '{fixed}' : '+.0f')"
    if one.logarithmic:
        number = f"'×' + format(exp({value}), '.3~r')"
    return f"({alike} ? '≈' : '') + {number}"


def _colour(data: ReportData, one: DifferencePanel) -> alt.Color:
    written = "'×' + format(exp(datum.value), '.2~r')" if one.logarithmic else None
    symlog = one.linear_to is not None and one.reach > one.linear_to
    inner = [] if symlog else [-one.reach / 2, one.reach / 2]
    ticks = sorted([-one.reach, 0.0, one.reach, *inner])
    scale = alt.Scale(
        scheme=SCHEME,
        domain=[-one.reach, one.reach],
        domainMid=0,
        clamp=True,
        type="symlog" if symlog else alt.Undefined,
        constant=one.linear_to if one.linear_to is not None and symlog else alt.Undefined,
    )
    legend = alt.Legend(
        title=None,
        orient="right",
        gradientLength=legend_length(data),
        gradientThickness=10,
        values=ticks,
        labelExpr=written or "format(datum.value, '+.3~g')",
    )
    return alt.Color(f"{one.panel.column}:Q", scale=scale, legend=legend)


def _tooltips(data: ReportData, found: Difference, name: str) -> list[alt.Tooltip]:
    """The place, the phases and all differences of a cell, that of the chart's metric first."""
    heads = [("i", "#i"), ("j", "#j"), ("x", data.x.name), ("y", data.y.name), ("change", "phase")]
    own = sorted(found.panels, key=lambda one: one.panel.column != name)
    heads += [(f"{one.panel.column} text", one.panel.title) for one in own]
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in heads]
