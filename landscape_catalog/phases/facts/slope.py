"""A slope by least squares with its interval."""

from __future__ import annotations

import numpy as np
from scipy import special

LEVEL = 0.90  # of the interval

Slope = tuple[float | None, float | None, float | None]


def slope_of(x: np.ndarray, y: np.ndarray, lines: np.ndarray) -> Slope:
    """Slope of y against x with its t interval; every line has an intercept of its own.

    Args:
        x: (points,); points with NaN are left out.
        y: (points,).
        lines: (points,), the number of the line that each point is on.

    Returns:
        The slope and the ends of its interval; None with no freedom left.
    """
    known = np.isfinite(x)
    x, y, lines = x[known], y[known], lines[known]
    for line in np.unique(lines):
        own = lines == line
        x = np.where(own, x - x[own].mean(), x)
        y = np.where(own, y - y[own].mean(), y)
    freedom = len(x) - len(np.unique(lines)) - 1
    spread = float(x @ x)
    if freedom < 1 or spread <= 0:
        return None, None, None
    slope = float(x @ y) / spread
    residual = float(((y - slope * x) ** 2).sum()) / freedom
    half = float(special.stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(residual / spread))
    return slope, slope - half, slope + half
