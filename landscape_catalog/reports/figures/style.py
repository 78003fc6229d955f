"""Sizes of a figure. One unit is a point (1/72 inch), in the charts as on paper."""

from __future__ import annotations

from dataclasses import dataclass

POINTS = 72
RATIO, ROW_RATIO = 0.85, 0.25  # largest height of a map over its width; and for each row of cells


@dataclass(frozen=True)
class Style:
    """The layout of a figure.

    Attributes:
        name: `single` or `paper`.
        width: of the whole figure, in points.
        columns: the most maps side by side.
        facets: the most facets of a panel side by side.
        font: font size of titles and axes; numbers in cells are at most as large.
        lettered: whether panels are called (a), (b), and so on.
    """

    name: str
    width: float
    columns: int
    facets: int
    font: float
    lettered: bool


SINGLE = Style("single", 3.3 * POINTS, columns=1, facets=2, font=7.5, lettered=False)
PAPER = Style("paper", 6.75 * POINTS, columns=4, facets=5, font=6.5, lettered=True)
STYLES = {style.name: style for style in (SINGLE, PAPER)}
