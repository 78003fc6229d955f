"""What is in an SVG image: its texts, and rectangles with their colours, at their places."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass

Element = ElementTree.Element
MOVED = re.compile(r"translate\(([-\d.e]+),([-\d.e]+)\)")
RECTANGLE = re.compile(r"M([-\d.e]+),([-\d.e]+)h([-\d.e]+)v([-\d.e]+)h-[\d.e]+Z")


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    words: str
    size: float
    family: str
    anchor: str
    turned: bool


@dataclass(frozen=True)
class Rectangle:
    x: float
    y: float
    width: float
    height: float
    colour: str

    def covers(self, x: float, y: float) -> bool:
        return self.x < x < self.x + self.width and self.y < y < self.y + self.height


def tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def placed(element: Element, x: float = 0, y: float = 0) -> Iterator[tuple[Element, float, float]]:
    """Every element with the place of its origin; turns are left out."""
    for dx, dy in MOVED.findall(element.get("transform", "").partition(" rotate")[0]):
        x, y = x + float(dx), y + float(dy)
    yield element, x, y
    for child in element:
        yield from placed(child, x, y)


def texts(svg: str) -> list[Text]:
    """Every line of text."""
    return [
        Text(
            x + float(part.get("x") or 0),
            y + float(part.get("y") or part.get("dy") or 0),
            part.text or "",
            float((element.get("font-size") or "0").removesuffix("px")),
            element.get("font-family") or "",
            element.get("text-anchor") or "start",
            "rotate" in element.get("transform", ""),
        )
        for element, x, y in placed(ElementTree.fromstring(svg))
        if tag(element) == "text"
        for part in ([element] if element.text else list(element))
    ]


def rectangles(svg: str) -> list[Rectangle]:
    """The cells of all maps, in the order in which they are drawn."""
    found = []
    for element, x, y in placed(ElementTree.fromstring(svg)):
        if tag(element) == "path" and (shape := RECTANGLE.fullmatch(element.get("d", ""))):
            left, top, width, height = map(float, shape.groups())
            if (element.get("fill") or "none") != "none":
                found.append(Rectangle(x + left, y + top, width, height, element.get("fill", "")))
    return found
