"""Colours of scales and variants, and of text that is readable on top of them."""

from __future__ import annotations

from collections.abc import Sequence

NOT_CONVERGED_COLOUR = "#8a8f96"  # text colour of a number whose estimator has not converged
MISSING_COLOUR = "#ececec"
INK, PAPER = "#1d1d1d", "#ffffff"
DARK = 0.2  # luminance below which white text has more contrast than dark text
VARIANT_COLOURS = ["#3d3d3d", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#a08000", "#56b4e9"]
# From dark to light, but no lighter than is visible on white (after Matplotlib's plasma).
_SEQUENCE = ((13, 8, 135), (126, 3, 168), (204, 71, 120), (240, 130, 60))


def readable_on(colour: str) -> str:
    """A Vega expression for white or dark text, whichever has more contrast on the background.

    Args:
        colour: a Vega expression for the background colour.
    """
    return f"luminance({colour}) < {DARK} ? '{PAPER}' : '{INK}'"


def sequence(n: int) -> list[str]:
    """A sequence of n colours from dark to light, for ordered values.

    >>> sequence(1), sequence(2)
    (['#0d0887'], ['#0d0887', '#f0823c'])
    """
    return [_between(i / (n - 1) if n > 1 else 0.0) for i in range(n)]


def _between(part: float) -> str:
    place = part * (len(_SEQUENCE) - 1)
    i = min(int(place), len(_SEQUENCE) - 2)
    low, high = _SEQUENCE[i], _SEQUENCE[i + 1]
    return _hex([a + (b - a) * (place - i) for a, b in zip(low, high)])


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)
