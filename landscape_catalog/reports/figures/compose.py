"""Several charts and lines of text as one SVG image, whose size is given in points."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import vl_convert

from landscape_catalog.reports.figures.type import FAMILY, INK

_IDS = re.compile(r'(?<=\bid=")[^"]+|(?<=url\(#)[^)]+')
_INVISIBLE = re.compile(r'<text [^>]*\bopacity="0"[^>]*>.*?</text>', re.DOTALL)  # does not fit


@dataclass(frozen=True)
class Placed:
    """A piece of SVG, and where its upper left corner is."""

    x: float
    y: float
    content: str


def drawn(spec: dict[str, Any], x: float, y: float, name: str) -> Placed:
    """A Vega-Lite chart at a place.

    Args:
        spec: the specification, with its data.
        x: of the chart's upper left corner, with its padding, in points.
        y: likewise.
        name: unique in the figure; ids in the SVG begin with it, which else may be those of
            another chart.
    """
    outer: str = vl_convert.vegalite_to_svg(spec)
    inner = re.fullmatch(r"<svg[^>]*>(.*)</svg>", outer, re.DOTALL)
    assert inner is not None
    own: dict[str, str] = {}  # by the order in which they occur: the renderer counts on and on
    content = _IDS.sub(
        lambda found: own.setdefault(found.group(), f"{name}-{len(own)}"), inner.group(1)
    )
    return Placed(x, y, _INVISIBLE.sub("", content))


def written(
    words: str, x: float, y: float, size: float, *, anchor: str = "start", turned: bool = False
) -> Placed:
    """A line of text; its baseline begins, has its middle or ends at a place."""
    turn = ' transform="rotate(-90)"' if turned else ""
    return Placed(
        x,
        y,
        f'<text font-family="{FAMILY}" font-size="{size:g}px" fill="{INK}" '
        f'text-anchor="{anchor}"{turn}>{html.escape(words, quote=False)}</text>',
    )


def patch(colour: str, x: float, y: float, size: float) -> Placed:
    """A square of a colour."""
    return Placed(x, y, f'<rect width="{size:g}" height="{size:g}" fill="{html.escape(colour)}"/>')


def composed(width: float, height: float, pieces: Sequence[Placed], title: str) -> str:
    """Pieces on white as an SVG image.

    Args:
        width: in points.
        height: in points.
        pieces: in the order of drawing.
        title: of the image, for screen readers.
    """
    placed = [
        f'<g transform="translate({_number(one.x)},{_number(one.y)})">{one.content}</g>'
        for one in pieces
    ]
    size = f'width="{_number(width)}pt" height="{_number(height)}pt"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'version="1.1" {size} viewBox="0 0 {_number(width)} {_number(height)}" role="img">'
        f"<title>{html.escape(title, quote=False)}</title>"
        f'<rect width="100%" height="100%" fill="white"/>{"".join(placed)}</svg>\n'
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
