"""A maximum inside a line between two lower values, and whether noise explains it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

N_DRAWS = 20_000
SEED = 20_210_701
MOST_FREEDOM = 200  # beyond this the variance is as good as known


@dataclass(frozen=True)
class Peak:
    """A peak of a line between two valleys, as indices of its points.

    Attributes:
        before: the lowest point before the peak.
        at: the peak.
        after: the lowest point after it.
        size: how much the peak exceeds the higher of the two.
        first_descent: how much the line fell before its first valley, from its highest point.
    """

    before: int
    at: int
    after: int
    size: float
    first_descent: float


def statistic(values: np.ndarray, errors: np.ndarray) -> tuple[float, int]:
    """How far the highest peak stands out of the noise, and where it is.

    T = max_b min(max_{a<b} t_ab, max_{c>b} t_cb), with t_ab = (e_b - e_a) / sqrt(s_a^2 + s_b^2).

    Args:
        values: e, (points,), at least three.
        errors: s, (points,), positive.

    Returns:
        T, which is negative if every inner point is below one of its sides, and the index b.
    """
    t = (values[None, :] - values[:, None]) / np.sqrt(errors[None, :] ** 2 + errors[:, None] ** 2)
    n = len(values)
    before = np.where(np.triu(np.ones((n, n), dtype=bool), 1), t, -np.inf).max(axis=0)
    after = np.where(np.tril(np.ones((n, n), dtype=bool), -1), t, -np.inf).max(axis=0)
    least = np.minimum(before, after)
    at = int(np.argmax(least))
    return float(least[at]), at


def peak_at(values: np.ndarray, at: int | None = None) -> Peak | None:
    """The peak at a point, or the largest one; None if no inner point is above both sides.

    Its size is the `dip` of the view `double_descent`.

    >>> peak_at(np.array([5.0, 2.0, 4.0, 3.0, 6.0]))
    Peak(before=1, at=2, after=3, size=1.0, first_descent=3.0)
    >>> peak_at(np.array([3.0, 2.0, 1.0])) is None
    True
    """
    if len(values) < 3:
        return None
    if at is None:
        low_before = np.minimum.accumulate(values)[:-2]
        low_after = np.minimum.accumulate(values[::-1])[::-1][2:]
        at = int(np.argmax(values[1:-1] - np.maximum(low_before, low_after))) + 1
    before = at - 1 - int(np.argmin(values[:at][::-1]))
    after = at + 1 + int(np.argmin(values[at + 1 :]))
    size = float(values[at] - max(values[before], values[after]))
    if size <= 0:
        return None
    fallen = float(values[: before + 1].max() - values[before])
    return Peak(before, at, after, size, fallen)


def chance(observed: float, n_points: int, freedom: float) -> float:
    """The probability that noise alone gives a statistic as large, on a line without a peak.

    The line is flat, which gives noise the most room; on a rising, falling or U-shaped line the
    probability is smaller. Noise is normal and independent, with a common variance that is
    estimated with some degrees of freedom.

    Args:
        observed: the statistic T.
        n_points: of the line.
        freedom: degrees of freedom of the variances.
    """
    null = _null(n_points, int(np.clip(round(freedom), 1, MOST_FREEDOM)))
    n_above = len(null) - int(np.searchsorted(null, observed))
    return (1 + n_above) / (1 + len(null))


@lru_cache(maxsize=256)
def _null(n_points: int, freedom: int) -> np.ndarray:
    """T of lines of noise, ascending, (draws,)."""
    generator = np.random.Generator(np.random.Philox([SEED, n_points]))
    noise = generator.standard_normal((N_DRAWS, n_points))
    least = np.minimum.accumulate(noise, axis=1)[:, :-2]
    last = np.minimum.accumulate(noise[:, ::-1], axis=1)[:, ::-1][:, 2:]
    found = (noise[:, 1:-1] - np.maximum(least, last)).max(axis=1) / np.sqrt(2)
    if freedom < MOST_FREEDOM:
        found = found / np.sqrt(generator.chisquare(freedom, N_DRAWS) / freedom)
    return np.sort(found)
