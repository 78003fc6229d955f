"""The one font of the figures, and how wide a text is in it."""

from __future__ import annotations

# Liberation Sans comes with the renderer; the others have its widths where it is not installed.
FAMILY = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, LINE = "#1d1d1d", "#777777"
_WIDTHS = {
    0.28: " .,:;!|/\\ijlIt'f[]",
    0.35: '-()r"`*',
    0.50: "cksvxyzJ",
    0.67: "ABEKPSVXY",
    0.72: "CDHNRUw",
    0.78: "GOQ",
    0.86: "mM%",
    0.95: "W",
    1.00: "→←↑↓▲@",
}
_WIDTH_OF = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
OTHER = 0.58  # digits and most letters


def text_width(text: str, size: float = 1.0) -> float:
    """About how wide a line of text is, rounded up by classes of letters.

    Args:
        text: the line.
        size: of the font; the width is in the same unit.

    >>> round(text_width("IV-A"), 2), round(text_width("0.05", 10), 1)
    (1.97, 20.2)
    """
    return size * sum(_WIDTH_OF.get(letter, OTHER) for letter in text)


def fitting(title: str, width: float, size: float) -> str:
    """A title without what a unit is a share of, or without its unit, if it is too wide otherwise.

    >>> fitting("Mode connectivity mc, % of training error", 90, 6.5)
    'Mode connectivity mc, %'
    >>> fitting("A name that is too long", 40, 6.5)
    'A name that…'
    """
    for shorter in (title, title.split(" of ")[0], title.split(", ")[0]):
        if text_width(shorter, size) <= width:
            return shorter
    while title and text_width(f"{title}…", size) > width:
        title = title[:-1]
    return f"{title}…"


def plain(title: str) -> str:
    """The title of an axis, whose arrow is set apart by several spaces, with single ones."""
    return " ".join(title.split())
