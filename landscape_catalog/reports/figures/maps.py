"""Maps of the grid for figures, from the building blocks of the page's charts.

They are as on the page, but at a fixed size in points, with their data, one facet, no tooltips and
no interaction.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from landscape_catalog.phases import UNCLASSIFIED
from landscape_catalog.reports.charts.maps import (
    FADED,
    ink_on_colour,
    is_threshold,
    legend_number,
    number_text,
    vega_scale,
)
from landscape_catalog.reports.charts.marks import (
    BOLD_LETTER,
    IS_NC,
    fitted_font,
    rectangles,
    texts,
)
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.colour_scale import ColourScale, colour_scale
from landscape_catalog.reports.data.colours import (
    INK,
    MISSING_COLOUR,
    NOT_CONVERGED_COLOUR,
    PAPER,
    faded,
)
from landscape_catalog.reports.data.panels import PanelChart
from landscape_catalog.reports.figures.specs import BAR, GAP, Frame, specification
from landscape_catalog.reports.figures.type import text_width

NUMBER = 2.9  # width of a number of five digits over the font size


def phase_map(data: ReportData, facet: int, frame: Frame) -> dict[str, Any]:
    """The phases of a facet as a Vega-Lite specification: pale where the label is not sure.

    Colours are mixed with white here, since some printers have trouble with transparency.
    """
    colours = {phase.name: phase.colour for phase in data.rule.phases}
    mixed = rectangles(data).encode(color=alt.Color("mixed:N", scale=None))
    spec = specification(
        data, facet, frame, [mixed, *_names(data, facet, frame)], ["white", "second"]
    )
    strengths = [cell["strength"] for cell in data.cells if cell["f"] == facet]
    for row, strength in zip(spec["datasets"]["cells"], strengths, strict=True):
        row["mixed"] = faded(colours[row["phase"]], strength)
    return spec


def _names(data: ReportData, facet: int, frame: Frame) -> list[alt.Chart]:
    """The phases in the cells; in doubtful ones also the second, if both lines fit."""
    here = [cell for cell in data.cells if cell["f"] == facet]
    shown = [_shown(cell["phase"]) for cell in here]
    longest = max(map(text_width, shown), default=1.0)
    pairs = [text_width(f"{_shown(c['phase'])} /") for c in here if c["second"]]
    pairs += [text_width(c["second"]) for c in here if c["second"]]
    largest = 1.3 * frame.font
    one = fitted_font(_letters(longest), largest)
    two = fitted_font(_letters(max(pairs, default=longest)), largest, lines=2)
    colour = alt.ExprRef(f"datum.white ? '{PAPER}' : '{INK}'")
    name = f"datum.phase == '{UNCLASSIFIED.name}' ? '?' : datum.phase"
    doubtful = f"(datum.second != '' && ({two}) >= 6.5)"
    single = (
        texts(data, one, fill=colour, fontWeight="normal")
        .transform_calculate(name=name)
        .encode(
            text="name:N", opacity=alt.value(alt.ExprRef(f"{doubtful} || ({one}) < 6.5 ? 0 : 1"))
        )
    )
    both = (
        texts(
            data, two, fill=colour, fontWeight="normal", lineBreak="\n",
            lineHeight=alt.ExprRef(f"1.15 * ({two})"), dy=alt.ExprRef(f"-0.575 * ({two})"),
            baseline="middle",
        )
        .transform_calculate(name=f"({name}) + ' /\\n' + datum.second")
        .encode(text="name:N", opacity=alt.value(alt.ExprRef(f"{doubtful} ? 1 : 0")))
    )  # fmt: skip
    return [single, both]


def _shown(phase: str) -> str:
    return "?" if phase == UNCLASSIFIED.name else phase


def _letters(width: float) -> float:
    """How many letters of `fitted_font` are as wide as a text, with a margin at its sides."""
    return (width + 0.3) / BOLD_LETTER


def metric_map(data: ReportData, panel: PanelChart, facet: int, frame: Frame) -> dict[str, Any]:
    """A metric of a facet as a Vega-Lite specification, with the outlines of the phases."""
    known = f"isValid(datum['{panel.field}'])"
    layers = [rectangles(data, color=MISSING_COLOUR).transform_filter(f"!{known}")]
    scale = colour_scale(data, panel)
    if scale is not None:
        layers.append(
            rectangles(data)
            .transform_filter(known)
            .transform_calculate(drawn=f"datum['{panel.column} doubt'] ? {FADED} : 1")
            .encode(
                color=_colour(panel, scale, frame),
                opacity=alt.Opacity("drawn:Q", scale=None, legend=None),
            )
        )
    layers += _numbers(data, panel, scale, frame)
    columns = [panel.field, panel.column, f"{panel.column} doubt"]
    return specification(data, facet, frame, layers, columns)


def _numbers(
    data: ReportData, panel: PanelChart, scale: ColourScale | None, frame: Frame
) -> list[alt.Chart]:
    """NC in cells that have not converged; in the others the number, if it fits."""
    on_colour = ink_on_colour(panel, scale)
    font = fitted_font(_letters(NUMBER - 0.3), frame.font)
    nc = texts(data, font, fill=alt.ExprRef(on_colour), fontWeight="normal")
    fill = f"datum['{panel.column} doubt'] ? '{NOT_CONVERGED_COLOUR}' : {on_colour}"
    value = f"datum['{panel.column}']"
    numbers = texts(data, font, fill=alt.ExprRef(fill), fontWeight="normal")
    return [
        nc.transform_filter(IS_NC).encode(text=alt.value("NC")),
        numbers.transform_filter(f"isValid({value}) && !({IS_NC})")
        .transform_calculate(number=number_text(panel))
        .encode(text="number:N"),
    ]


def _colour(panel: PanelChart, scale: ColourScale, frame: Frame) -> alt.Color:
    """The colours, with a bar above the map on which thresholds have a triangle."""
    number = f"format({legend_number(panel)}, '.3~g')"
    legend: Any = alt.Legend(
        title=None,
        orient="none",
        direction="horizontal",
        legendX=0,
        legendY=-frame.above,
        gradientLength=frame.width,
        gradientThickness=BAR,
        values=_ticks(panel, scale, frame),
        labelExpr=f"({is_threshold(scale)}) ? ['▲', {number}] : ['', {number}]",
        labelOverlap=False,
    )
    return alt.Color(
        f"{panel.field}:Q",
        scale=vega_scale(panel, scale),
        legend=legend if frame.legend else None,
    )


def _ticks(panel: PanelChart, scale: ColourScale, frame: Frame) -> list[float]:
    """The thresholds, and the ends with room for their labels; without thresholds three places."""
    low, high = scale.domain
    if not scale.marks:
        return [low, (low + high) / 2, high]

    def width(value: float) -> float:
        number = math.exp(value) if panel.field != panel.column else value
        return text_width(f"{number:.3g}", frame.font) / frame.width

    def has_room(end: float) -> bool:
        apart = [abs(scale.place(mark) - scale.place(end)) for mark in scale.marks]
        needed = [width(end) + width(mark) / 2 + GAP / frame.width for mark in scale.marks]
        return all(one > other for one, other in zip(apart, needed, strict=True))

    return sorted([*filter(has_room, scale.domain), *scale.marks])
