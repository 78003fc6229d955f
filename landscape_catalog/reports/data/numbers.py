"""Numbers as the page stores them."""

from __future__ import annotations

import math


def rounded(value: float | None, figures: int = 6) -> float | None:
    """A number rounded to some significant figures; None if it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{figures}g}")
