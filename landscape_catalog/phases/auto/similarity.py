"""The threshold on CKA, between two groups of flat and connected cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.auto.found import (
    N_DRAWS,
    N_RESAMPLES,
    SEED,
    FoundThreshold,
    band,
    rounded,
)
from landscape_catalog.phases.diagram import Diagram

NAME = "cka.threshold"
FEWEST_CELLS = 8
LARGEST_P, LEAST_SEPARATION, LEAST_DIFFERENCE = 0.05, 2.0, 0.05
ROUNDS = 200  # of expectation maximisation


@dataclass(frozen=True)
class _Split:
    """Two normal distributions of one width, for each of several samples.

    Attributes:
        low: (…), centre of the lower group.
        high: centre of the upper group.
        sd: standard deviation of either.
        share: of the upper group.
        gain: log-likelihood above that of a single normal distribution.
    """

    low: np.ndarray
    high: np.ndarray
    sd: np.ndarray
    share: np.ndarray
    gain: np.ndarray

    @property
    def cut(self) -> np.ndarray:
        """Where a value is equally likely to belong to either group."""
        middle = (self.low + self.high) / 2
        shift = np.square(self.sd) / (self.high - self.low) * np.log((1 - self.share) / self.share)
        found: np.ndarray = np.clip(middle + shift, self.low, self.high)
        return found


def cka_threshold(diagram: Diagram, chosen: np.ndarray, default: float) -> FoundThreshold:
    """The point between two groups of CKA among flat and connected cells.

    See docs/thresholds.md for the rule.

    Args:
        diagram: the cells.
        chosen: (cells,), which cells are flat and connected.
        default: the documented one.
    """
    cka = diagram.mean("cka")
    cells = np.flatnonzero(chosen & np.isfinite(cka))
    if len(cells) < FEWEST_CELLS:
        reason = f"{len(cells)} flat, connected cells are too few to be split by their CKA"
        return FoundThreshold.default(NAME, default, reason)
    values = cka[cells]
    over = (
        f"the CKA of {len(cells)} flat, connected cells, {values.min():.2f} to {values.max():.2f},"
    )
    if np.ptp(values) < LEAST_DIFFERENCE:
        return FoundThreshold.default(NAME, default, f"no split: {over} hardly varies")
    split = _split(values[None])
    noise = np.random.default_rng(SEED).standard_normal((N_DRAWS, len(values)))
    p = (1 + int((_split(noise).gain >= split.gain).sum())) / (1 + N_DRAWS)
    low, high, sd = float(split.low[0]), float(split.high[0]), float(split.sd[0])
    apart = high - low
    if p > LARGEST_P or apart < LEAST_SEPARATION * sd or apart < LEAST_DIFFERENCE:
        return FoundThreshold.default(
            NAME, default, f"no split: {over} does not form two groups (p = {p:.2g})"
        )
    value = rounded(float(split.cut[0]))
    reason = f"{over} falls into two groups about {low:.2f} and {high:.2f} (p = {p:.2g})"
    return FoundThreshold(NAME, value, *band(_resampled(diagram, cells, values), value), reason)


def _resampled(diagram: Diagram, cells: np.ndarray, values: np.ndarray) -> list[float]:
    """Thresholds by resamples of lines along temperature, since neighbouring cells are alike."""
    group = np.arange(len(diagram))
    if diagram.temperature_axes:
        for line in diagram.lines(diagram.temperature_axes[0].path):
            group[line] = line[0]
    _, members = np.unique(group[cells], return_inverse=True)
    random = np.random.default_rng(SEED)
    n = int(members.max()) + 1
    if n == 1:
        return []
    found = []
    for _ in range(N_RESAMPLES):
        counts = np.bincount(random.integers(n, size=n), minlength=n)
        sample = np.repeat(values, counts[members])
        if np.ptp(sample) > LEAST_DIFFERENCE:
            found.append(float(_split(sample[None]).cut[0]))
    return found


def _split(values: np.ndarray) -> _Split:
    """Fit two groups to each row, (rows, values), by expectation maximisation from the best cut."""
    ordered = np.sort(values, axis=1)
    n = values.shape[1]
    variance = ordered.var(axis=1)
    sums, below = np.cumsum(ordered, axis=1)[:, :-1], np.arange(1, n)
    lower, upper = sums / below, (ordered.sum(axis=1, keepdims=True) - sums) / (n - below)
    between = below * (n - below) * np.square(upper - lower)
    best = between.argmax(axis=1)
    rows = np.arange(len(values))
    low, high, share = lower[rows, best], upper[rows, best], 1 - (best + 1) / n
    least = variance * 1e-6 + 1e-12
    within = np.maximum(variance - share * (1 - share) * np.square(high - low), least)
    for _ in range(ROUNDS):
        weight = _weight(ordered, low, high, within, share)
        total = np.clip(weight.sum(axis=1), 1e-9, n - 1e-9)
        high = (weight * ordered).sum(axis=1) / total
        low = ((1 - weight) * ordered).sum(axis=1) / (n - total)
        share = total / n
        within = np.maximum(variance - share * (1 - share) * np.square(high - low), least)
    swap = high < low
    low, high = np.where(swap, high, low), np.where(swap, low, high)
    share = np.where(swap, 1 - share, share)
    parts = [
        np.log(part[:, None]) - np.square(ordered - centre[:, None]) / (2 * within[:, None])
        for part, centre in ((1 - share, low), (share, high))
    ]
    two = np.logaddexp(*parts).sum(axis=1) - n / 2 * np.log(within)
    one = -n / 2 * np.log(np.maximum(variance, least)) - n / 2
    return _Split(low, high, np.sqrt(within), share, two - one)


def _weight(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, within: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """The probability that each value belongs to the upper group."""
    slope = (high - low) / within
    middle = (high + low) / 2
    logit = slope[:, None] * (values - middle[:, None]) + np.log(share / (1 - share))[:, None]
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
    return found
