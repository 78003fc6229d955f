"""Colours of scales and variants, and of text that is readable on top of them."""

from __future__ import annotations

from collections.abc import Sequence

NOT_CONVERGED_COLOUR = "#8a8f96"  # text colour of a number whose estimator has not converged
MISSING_COLOUR = "#ececec"
INK, PAPER = "#1d1d1d", "#ffffff"
DARK = 0.2  # luminance below which white text has more contrast than dark text
VARIANT_COLOURS = ["#3d3d3d", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#a08000", "#56b4e9"]
# From dark to light, but no lighter than is visible on white (after Matplotlib's plasma).
_SEQUENCE = ((92, 84, 214), (176, 70, 200), (222, 84, 122), (226, 132, 42))


def readable_on(colour: str) -> str:
    """A Vega expression for white or dark text, whichever has more contrast on the background.

    Args:
        colour: a Vega expression for the background colour.
    """
    return f"luminance({colour}) < {DARK} ? '{PAPER}' : '{INK}'"


def faded(colour: str, opacity: float) -> str:
    """A colour drawn with this opacity on white.

    >>> faded("#000000", 0.5), faded("#4a7fb5", 1.0)
    ('#808080', '#4a7fb5')
    """
    return _hex([255 + opacity * (part - 255) for part in _parts(colour)])


def luminance(colour: str) -> float:
    """Relative luminance of a colour, from 0 (black) to 1 (white), as WCAG 2 defines it.

    >>> luminance("#000000"), luminance("#ffffff")
    (0.0, 1.0)
    """
    parts = [part / 255 for part in _parts(colour)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return round(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2], 9)


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def sequence(n: int) -> list[str]:
    """A sequence of n colours from dark to light, for ordered values.

    >>> sequence(1), sequence(2)
    (['#5c54d6'], ['#5c54d6', '#e2842a'])
    """
    return [_between(i / (n - 1) if n > 1 else 0.0) for i in range(n)]


def _between(part: float) -> str:
    place = part * (len(_SEQUENCE) - 1)
    i = min(int(place), len(_SEQUENCE) - 2)
    low, high = _SEQUENCE[i], _SEQUENCE[i + 1]
    return _hex([a + (b - a) * (place - i) for a, b in zip(low, high)])


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)
