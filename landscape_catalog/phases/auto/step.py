"""A step along a line of cells, compared with a smooth trend of equally many coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

FEWEST_CELLS = 3
LEAST_SPREAD = 1e-3  # relative: smaller differences are rounding of published numbers
PRIOR_WEIGHT = 4.0  # degrees of freedom that the variance of all lines counts for in one line


@dataclass(frozen=True)
class _Models:
    """Least squares over a line of n cells.

    Attributes:
        smooth: (n, n), residuals of the smooth trend.
        steps: (n - 1, n, n), residuals of a step before cell j = 1 … n - 1.
        rises: (n - 1, n), by how much the fit of a step rises from the cell before to that after.
        freedom: degrees of freedom of the residuals.
    """

    smooth: np.ndarray
    steps: np.ndarray
    rises: np.ndarray
    freedom: int


@lru_cache(maxsize=256)
def _models(n: int) -> _Models:
    """A polynomial, and a step between two straight lines with as many coefficients.

    With four cells the lines have the same slope, with three cells none.
    """
    n_coefficients = min(n - 1, 4)
    places, index = np.linspace(-1.0, 1.0, n), np.arange(n)
    powers = np.vander(places, n_coefficients, increasing=True)
    steps, rises = [], []
    for j in range(1, n):
        after = index >= j
        parts = [np.ones(n), after, places, after * (places - places[j])]
        design = np.column_stack(parts[:n_coefficients])
        fit = design @ np.linalg.pinv(design)
        steps.append(np.eye(n) - fit)
        rises.append(fit[j] - fit[j - 1])
    smooth = np.eye(n) - powers @ np.linalg.pinv(powers)
    return _Models(smooth, np.array(steps), np.array(rises), n - n_coefficients)


@dataclass(frozen=True)
class Steps:
    """The best step of each line.

    Attributes:
        evidence: (…, lines), log-likelihood ratio of the step and the smooth trend; minus infinity
            if no step goes upwards in every series.
        place: (…, lines), the number of cells before the step.
        rise: (…, lines, series), by how much each series rises from the cell before to that after.
    """

    evidence: np.ndarray
    place: np.ndarray
    rise: np.ndarray


def best_steps(lines: Sequence[np.ndarray]) -> Steps:
    """The place in each line where a common step of all its series is most likely.

    The evidence of a step is the sum over series of (f + 4)/2 · ln((R₀ + 4 s²)/(R₁ + 4 s²)): R₀ is
    the sum of squares about the smooth trend, R₁ about the step, f their degrees of freedom, and s²
    the median over lines of the least R₁/f, at least 0.001².

    Args:
        lines: of each, its series, (…, series, cells), at least three cells; leading dimensions
            are independent repetitions.
    """
    fits = [_fits(line) for line in lines]
    least = [with_step.min(axis=0) / freedom for _, with_step, _, freedom in fits]
    floor = PRIOR_WEIGHT * np.maximum(np.median(least, axis=0), LEAST_SPREAD**2)
    evidence, place, rise = [], [], []
    for smooth, with_step, rises, freedom in fits:
        ratios = np.log((smooth + floor) / (with_step + floor))
        likelihood = (freedom + PRIOR_WEIGHT) / 2 * ratios.sum(axis=-1)
        upwards = np.where((rises > 0).all(axis=-1), likelihood, -np.inf)
        best = upwards.argmax(axis=0)
        evidence.append(upwards.max(axis=0))
        place.append(best + 1)
        rise.append(np.take_along_axis(rises, best[None, ..., None], axis=0)[0])
    return Steps(np.stack(evidence, -1), np.stack(place, -1), np.stack(rise, -2))


def _fits(line: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Sums of squares (…, series) and (places, …, series), rises of steps, degrees of freedom."""
    models = _models(line.shape[-1])
    smooth = np.square(line @ models.smooth).sum(axis=-1)
    with_step = np.stack([np.square(line @ one).sum(axis=-1) for one in models.steps])
    rises = np.stack([line @ one for one in models.rises])
    return smooth, with_step, rises, models.freedom


def noise(
    lengths: Sequence[int], n_series: int, n_draws: int, seed: int, *, along: float, across: float
) -> list[np.ndarray]:
    """Lines of normal noise, each (draws, series, cells).

    Args:
        lengths: number of cells of each line.
        n_series: of a line.
        n_draws: how many sets of lines.
        seed: of the draws.
        along: correlation of neighbouring cells (autoregressive of first order).
        across: correlation of the series of a cell.
    """
    random = np.random.default_rng(seed)
    mixed = np.linalg.cholesky(
        np.full((n_series, n_series), across) + (1 - across) * np.eye(n_series)
    )
    found = []
    for n in lengths:
        place = np.arange(n)
        correlation = along ** np.abs(place[:, None] - place)
        white = random.standard_normal((n_draws, n_series, n))
        found.append(mixed @ white @ np.linalg.cholesky(correlation).T)
    return found
