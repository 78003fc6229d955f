"""Influences: what single units of a draw (samples, probes, batches, fits) add to an error.

The influences u_i of an estimate have sum_i u_i^2 = error^2. Estimates from the same draw have the
joint covariance sum_i u_i v_i, so the error of their mean is the root of sum_i (mean of the u_i)^2.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Sequence

import numpy as np

UNIT = 1e-4  # of the standard error: the step in which records store influences


def influences_of_mean(values: Sequence[float]) -> tuple[float, ...] | None:
    """Influences of units on the mean of their values: (v_i - v) / sqrt(n (n - 1)).

    None for fewer than two values, or if one is not finite.

    >>> influences_of_mean([1.0, 3.0])
    (-0.7071067811865475, 0.7071067811865475)
    """
    n = len(values)
    if n < 2 or not all(map(math.isfinite, values)):
        return None
    mean, scale = statistics.fmean(values), math.sqrt(n * (n - 1))
    return tuple((value - mean) / scale for value in values)


def influences_of_share(members: Collection[int], n: int) -> tuple[float, ...]:
    """Influences of n units on the share p of the `members` among them: error^2 = p (1 - p) / n.

    >>> influences_of_share([2], 4)
    (-0.0625, -0.0625, 0.1875, -0.0625)
    """
    share = len(members) / n
    found = [(0 - share) / n] * n
    for member in members:
        if 0 <= member < n:
            found[member] = (1 - share) / n
    return tuple(found)


def influences_of_blocks(influences: Sequence[float] | None, size: int) -> tuple[float, ...] | None:
    """Influences of blocks of successive units that are not independent of each other.

    u_g = sqrt(G / (G - 1)) sum of the u_i in block g, for G blocks of `size` units (the last may be
    shorter); the factor corrects for the mean over few blocks. None for a single block, which does
    not show how blocks vary.

    >>> [round(u, 4) for u in influences_of_blocks((0.03, 0.01, -0.03, -0.01), 2)]
    [0.0566, -0.0566]
    """
    if influences is None or size == 1:
        return None if influences is None else tuple(influences)
    sums = [math.fsum(influences[i : i + size]) for i in range(0, len(influences), size)]
    n = len(sums)
    return tuple(math.sqrt(n / (n - 1)) * value for value in sums) if n > 1 else None


def packed(influences: Sequence[float] | None) -> list[int] | None:
    """Influences as integers, in steps of 1e-4 of their error, for compact records.

    The rounding changes the error of a mean by less than 1e-3 of the error for up to a million
    units.
    """
    if influences is None:
        return None
    step = UNIT * math.hypot(*influences)
    if not step:
        return [0] * len(influences)
    steps: list[int] = np.rint(np.asarray(influences) / step).astype(np.int64).tolist()
    return steps


def unpacked(steps: Sequence[int] | None, error: float | None) -> tuple[float, ...] | None:
    """Influences from their integers, scaled so that their squares add up to error^2.

    >>> unpacked(packed((0.03, -0.04)), 0.05)
    (0.03, -0.04)
    """
    if steps is None or error is None or not math.isfinite(error):
        return None
    norm = math.hypot(*steps)
    if not norm:
        return (0.0,) * len(steps)
    return tuple((error * np.asarray(steps, dtype=np.float64) / norm).tolist())
