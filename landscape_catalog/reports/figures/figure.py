"""A figure: panels of an experiment, arranged and drawn as SVG, and converted to PDF and PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import vl_convert

from landscape_catalog.phases import Rule
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.panels import PanelChart
from landscape_catalog.reports.figures.choice import PHASES
from landscape_catalog.reports.figures.compose import Placed, composed, drawn, patch, written
from landscape_catalog.reports.figures.layout import Layout, Place, arranged
from landscape_catalog.reports.figures.maps import metric_map, phase_map
from landscape_catalog.reports.figures.style import Style
from landscape_catalog.reports.figures.type import fitting, plain, text_width

FORMATS = ("svg", "pdf", "png")
PIXELS_PER_INCH = 300
LEGEND_LINE = 1.32  # height of a line of the legend over the font size
_RESOURCES = re.compile(rb"(?: +/[a-z]{2}\d+ \d+ 0 R\n){2,}")


def figure_svg(data: ReportData, panels: Sequence[PanelChart], style: Style) -> str:
    """Panels of an experiment as an SVG image with its text as text.

    Args:
        data: the cells.
        panels: what is drawn; `PHASES` is the phase diagram.
        style: width, columns and font size.
    """
    layout = layout_of(data, panels, style)
    pieces: list[Placed] = []
    for n, place in enumerate(layout.places):
        panel = panels[place.panel]
        pieces.append(_map(data, panel, place, layout, f"c{n}"))
        if place.legend:
            letter = f"({_letter(place.panel)}) " if style.lettered and len(panels) > 1 else ""
            pieces += _heading(data, panel, place, layout, letter)
        if len(data.facets) > 1:
            x, y = place.x + layout.frame.width / 2, place.y - 0.45 * style.font
            heading = fitting(data.facets[place.facet], layout.frame.width, style.font)
            pieces.append(written(heading, x, y, style.font, anchor="middle"))
    pieces += _axis_titles(data, layout, style)
    names = ", ".join(panel.title for panel in panels)
    return composed(style.width, layout.height, pieces, names)


def layout_of(data: ReportData, panels: Sequence[PanelChart], style: Style) -> Layout:
    """Where the maps of a figure are; arguments as for `figure_svg`."""
    layout = arranged(data, len(panels), style)
    if any(panel is not PHASES for panel in panels):
        return layout
    legend = _phase_legend(data, 0, 0, layout.frame.width, style.font)
    lines = len({piece.y for piece in legend}) / 2  # patches, and the text beside them
    return arranged(data, len(panels), style, lines * LEGEND_LINE * style.font + 2)


def _letter(n: int) -> str:
    """a to z, then aa, ab, and so on.

    >>> [_letter(n) for n in (0, 25, 26, 53)]
    ['a', 'z', 'aa', 'bb']
    """
    more, last = divmod(n, 26)
    return ("" if not more else _letter(more - 1)) + chr(ord("a") + last)


def _map(data: ReportData, panel: PanelChart, place: Place, layout: Layout, name: str) -> Placed:
    frame = replace(
        layout.frame, labels_x=place.labels_x, labels_y=place.labels_y, legend=place.legend
    )
    if len(data.facets) > 1:  # the heading of the facet is between the colour bar and the map
        frame = replace(frame, above=frame.above + 1.5 * frame.font)
    if panel is PHASES:
        spec = phase_map(data, place.facet, frame)
    else:
        spec = metric_map(data, panel, place.facet, frame)
    return drawn(spec, place.x - frame.left, place.y - frame.above, name)


def _heading(
    data: ReportData, panel: PanelChart, place: Place, layout: Layout, letter: str
) -> list[Placed]:
    """The title of a panel above its colour bar; for the phases, their legend instead of a bar."""
    frame = layout.frame
    more = 1.5 * frame.font if len(data.facets) > 1 else 0.0
    top = place.y - frame.above - more
    width = frame.width if len(data.facets) == 1 else layout.right - place.x
    words = letter + fitting(panel.title, width - text_width(letter, frame.font), frame.font)
    title = written(words, place.x, top - 0.55 * frame.font, frame.font)
    if panel is not PHASES:
        return [title]
    return [title, *_phase_legend(data, place.x, top, width, frame.font)]


def _phase_legend(data: ReportData, x: float, y: float, width: float, font: float) -> list[Placed]:
    """The colours of the phases that occur, in as many lines as they need."""
    pieces, line, right = [], 0, x
    for phase, colour in _phases(data.rule, {cell["phase"] for cell in data.cells}):
        name = fitting(phase, width - font, font)
        needed = font + text_width(name, font)
        if right > x and right + needed > x + width:
            line, right = line + 1, x
        top = y + line * LEGEND_LINE * font
        pieces.append(patch(colour, right, top, 0.85 * font))
        pieces.append(written(name, right + 1.05 * font, top + 0.8 * font, font))
        right += needed + 0.5 * font
    return pieces


def _phases(rule: Rule, present: set[str]) -> list[tuple[str, str]]:
    return [(phase.name, phase.colour) for phase in rule.phases if phase.name in present]


def _axis_titles(data: ReportData, layout: Layout, style: Style) -> list[Placed]:
    """One title for all x axes and one for all y axes."""
    frame, font = layout.frame, style.font
    tops = [place.y for place in layout.places]
    middle = (min(tops) + layout.bottom) / 2
    centre = (frame.left + layout.right) / 2
    bottom = layout.bottom + frame.below + font
    across = fitting(plain(data.x.title), layout.right, font)
    down = fitting(plain(data.y.title), layout.height, font)
    return [
        written(across, centre, bottom, font, anchor="middle"),
        written(down, font, middle, font, anchor="middle", turned=True),
    ]


def figure_bytes(svg: str, form: str) -> bytes:
    """A figure in one of the `FORMATS`; a PNG has 300 pixels per inch."""
    in_units = svg.replace('pt"', '"', 2)  # the converter takes a unit for a point
    if form == "pdf":
        return _sorted_resources(vl_convert.svg_to_pdf(in_units))
    if form == "png":
        png: bytes = vl_convert.svg_to_png(in_units, ppi=PIXELS_PER_INCH)
        return png
    return svg.encode()


def _sorted_resources(pdf: bytes) -> bytes:
    """A PDF with its lists of resources in order, which the converter writes in any order.

    Each is a run of lines such as `/xo1 84 0 R`, so that nothing else in the file moves.
    """
    return _RESOURCES.sub(lambda run: b"".join(sorted(run.group().splitlines(True))), pdf)
