"""Sizes of maps, arrangement of facets, and which labels fit on an axis."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from landscape_catalog.reports.axes import Axis, label
from landscape_catalog.reports.cells import ReportData, Row

Point = tuple[float, float]
PAGE_WIDTH = 1150
LEGEND_WIDTH = 70
GAP = 14
SMALLEST, LOWEST, LARGEST_HEIGHT = 60, 120, 700
NARROWEST_FACET = 84
NARROWEST_CELL = 4.5
NARROWEST_SHARE = 0.72  # desired width of the narrowest cell, relative to the nominal cell size
LABEL_SIZE, LETTER_WIDTH, LINE_HEIGHT = 10, 6.0, 12.0
BOLD_LETTER, BOLD_LINE = 0.72, 1.2  # width of a letter and height of a line, per font size


@dataclass(frozen=True)
class Layout:
    """The layout of a faceted map.

    Attributes:
        width: width of one facet in pixels.
        height: height of one facet in pixels.
        columns: facets per row.
        x_cell: width of the narrowest cell in pixels.
        y_cell: height of the lowest cell in pixels.
    """

    width: int
    height: int
    columns: int
    x_cell: float
    y_cell: float

    def font(self, letters: int, largest: float) -> float:
        """The font size at which this many letters fit into the smallest cell.

        >>> Layout(300, 300, 1, x_cell=20, y_cell=30).font(2, 17)
        13.9
        """
        fitting = min(self.x_cell / (BOLD_LETTER * letters), self.y_cell / BOLD_LINE)
        return min(round(fitting, 1), largest)


def fitted_layout(data: ReportData, cell: float, stretch: float = 1.0) -> Layout:
    """A layout with cells of about a given size; facets are in one row if they fit the page.

    Args:
        data: the cells.
        cell: nominal size of a cell in pixels.
        stretch: how far an axis with uneven cells may be stretched to widen the narrowest one.
    """
    width, height = _length(data.x, cell, stretch), _length(data.y, cell, stretch)
    room = PAGE_WIDTH - LEGEND_WIDTH - 40 - LETTER_WIDTH * longest(data.y.labels)
    width = min(width, room)
    columns = _columns(data, width, room)
    fitted = min(width, room / columns - GAP) if columns > 1 else width
    scaled = min(max(height * fitted / width, min(height, LOWEST)), LARGEST_HEIGHT)
    x_cell, y_cell = data.x.narrowest * fitted, data.y.narrowest * scaled
    return Layout(round(fitted), round(scaled), columns, x_cell, y_cell)


def _length(axis: Axis, cell: float, stretch: float) -> float:
    nominal = cell * len(axis.values)
    return max(min(NARROWEST_SHARE * cell / axis.narrowest, stretch * nominal), nominal, SMALLEST)


def _columns(data: ReportData, width: float, room: float) -> int:
    """Facets per row: all of them if they do not get too narrow, else whole outer values."""
    n = len(data.facets)
    least = min(max(NARROWEST_FACET, NARROWEST_CELL / data.x.narrowest), width)
    most = max(int(room // (least + GAP)), 1)
    if n <= most:
        return n
    outer = n // data.row_length
    whole = [data.row_length * d for d in range(1, outer + 1) if outer % d == 0]
    if n % data.row_length == 0 and whole[0] <= most:
        return max(columns for columns in whole if columns <= most)
    rows = -(-n // most)
    return -(-n // rows)


def longest(texts: Sequence[str]) -> int:
    """Length of the longest text."""
    return max(map(len, texts), default=0)


def shown_labels(axis: Axis, length: float) -> list[str]:
    """The label of each value in ascending order, empty where it would overlap another.

    The two ends have priority, then the others from the low end.

    Args:
        axis: the axis.
        length: its length in pixels.
    """
    texts = [label(value) for value in axis.values]
    sizes = [LINE_HEIGHT if axis.vertical else LETTER_WIDTH * len(text) + 5 for text in texts]
    middles = [axis.fraction(place) * length for place in axis.positions]
    shown: list[int] = []
    for i in sorted(range(len(texts)), key=lambda i: (i not in (0, len(texts) - 1), i)):
        if all(abs(middles[i] - middles[j]) >= (sizes[i] + sizes[j]) / 2 for j in shown):
            shown.append(i)
    return [text if i in shown else "" for i, text in enumerate(texts)]


def non_overlapping(
    data: ReportData, layout: Layout, rows: Sequence[Row], font: float
) -> list[int]:
    """Indices of cells that can each carry a two-letter label without overlap.

    In each facet, the most central of the given cells is always chosen; the labels of the others
    must also lie within the map.

    Args:
        data: the axes.
        layout: the layout of the map.
        rows: the candidate cells.
        font: font size of the labels.
    """
    facets: dict[str, dict[int, Point]] = {}
    for row in rows:
        place = (
            data.x.fraction(row["xm"]) * layout.width,
            data.y.fraction(row["ym"]) * layout.height,
        )
        facets.setdefault(row["facet"], {})[row["i"]] = place
    size = 2 * BOLD_LETTER * font, BOLD_LINE * font
    return [i for places in facets.values() for i in _non_overlapping(places, size, layout)]


def _non_overlapping(places: dict[int, Point], size: Point, layout: Layout) -> list[int]:
    (width, height), n = size, len(places)
    x, y = (sum(place[side] for place in places.values()) / n for side in (0, 1))
    chosen: list[int] = []
    for i in sorted(places, key=lambda i: (math.dist(places[i], (x, y)), i)):
        a, b = places[i]
        is_inside = (
            min(a, layout.width - a) >= width / 2 and min(b, layout.height - b) >= height / 2
        )
        is_free = all(
            abs(a - places[j][0]) >= width or abs(b - places[j][1]) >= height for j in chosen
        )
        if not chosen or (is_inside and is_free):
            chosen.append(i)
    return sorted(chosen)


def scale_of(axis: Axis) -> alt.Scale:
    """The Vega scale of an axis, from its first edge to its last."""
    return alt.Scale(
        type="log" if axis.scale == "log" else "linear",
        domain=[axis.edges[0], axis.edges[-1]],
        reverse=axis.reverse,
        nice=False,
        zero=alt.Undefined if axis.scale == "log" else False,
    )


def ticks_of(axis: Axis, length: float, **more: Any) -> alt.Axis:
    """Ticks at exactly the parameter's values, with as many labels as fit."""
    places, texts = json.dumps(axis.positions), json.dumps(shown_labels(axis, length))
    return alt.Axis(
        values=list(axis.positions),
        labelExpr=f"{texts}[indexof({places}, datum.value)]",
        labelAngle=0,
        labelOverlap=False,
        labelFlush=False,
        labelFontSize=LABEL_SIZE,
        grid=False,
        tickSize=4,
        tickColor="#999",
        **more,
    )
