"""Where the maps of a figure are: panels side by side, or a row of facets for each panel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.figures.specs import BAR, LABEL_LINE, Frame
from landscape_catalog.reports.figures.style import RATIO, ROW_RATIO, Style
from landscape_catalog.reports.figures.type import text_width

GAP, ROW_GAP, BLOCK_GAP, RIGHT, TICK = 7.0, 6.0, 5.0, 5.0, 5.0
MOST_LABEL = 0.22  # of the width of a figure, for labels of the y axis


@dataclass(frozen=True)
class Place:
    """A map of a figure.

    Attributes:
        panel: index of its panel.
        facet: index of its facet.
        x: left edge of its grid, in points.
        y: upper edge of its grid.
        labels_x: whether no map is below it.
        labels_y: whether it is the first of its row.
        legend: whether the colour bar of its panel is above it.
    """

    panel: int
    facet: int
    x: float
    y: float
    labels_x: bool
    labels_y: bool
    legend: bool


@dataclass(frozen=True)
class Layout:
    """The maps of a figure, all of the same size.

    Attributes:
        frame: of a map with everything.
        places: of the maps, panel by panel.
        right: right edge of the last column.
        bottom: lower edge of the last row.
        height: of the figure.
    """

    frame: Frame
    places: tuple[Place, ...]
    right: float
    bottom: float
    height: float


def arranged(data: ReportData, n_panels: int, style: Style, above: float | None = None) -> Layout:
    """The layout of panels: several in a row, or, with facets, all facets of a panel in a row.

    Args:
        data: the cells.
        n_panels: number of panels.
        style: with the width of the figure.
        above: room between the title of a panel and its map; None: for a colour bar.
    """
    font, n_facets = style.font, len(data.facets)
    longest = max(map(text_width, data.y.labels)) * font
    left = font * 1.6 + min(longest, MOST_LABEL * style.width) + TICK
    columns = min(style.facets, n_facets) if n_facets > 1 else min(style.columns, n_panels)
    width = (style.width - left - RIGHT - (columns - 1) * GAP) / columns
    height = width * min(RATIO, ROW_RATIO * max(len(data.y.values), 1))
    above = BAR + 2 * LABEL_LINE * font + 3 if above is None else above
    below = TICK + LABEL_LINE * font
    frame = Frame(width, height, font, left, above, below)
    rows = list(_rows(n_panels, n_facets, columns))
    title = 1.5 * font
    places: list[Place] = []
    y = 0.0
    for r, row in enumerate(rows):
        is_first = any(facet == 0 for _, facet in row)
        y += (title + above if is_first else 0.0) + (title if n_facets > 1 else 0.0)
        y += BLOCK_GAP if is_first and r and n_facets > 1 else 0.0
        under = len(rows[r + 1]) if r + 1 < len(rows) else 0
        for c, (panel, facet) in enumerate(row):
            x = left + c * (width + GAP)
            places.append(Place(panel, facet, x, y, c >= under, c == 0, facet == 0))
        y += height + ROW_GAP
    bottom = y - ROW_GAP
    right = left + columns * (width + GAP) - GAP
    return Layout(frame, tuple(places), right, bottom, bottom + below + 1.6 * font)


def _rows(n_panels: int, n_facets: int, columns: int) -> Iterator[Sequence[tuple[int, int]]]:
    """Panel and facet of the maps in each row."""
    blocks = [[(panel, facet) for facet in range(n_facets)] for panel in range(n_panels)]
    if n_facets == 1:
        blocks = [[one for block in blocks for one in block]]
    for block in blocks:
        for k in range(math.ceil(len(block) / columns)):
            yield block[k * columns : (k + 1) * columns]
