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
LARGEST = 1 + 1e-6  # CKA, up to rounding
LARGEST_P, LEAST_SEPARATION, LEAST_DIFFERENCE = 0.05, 2.0, 0.05
ROUNDS, CONVERGED = 200, 1e-4  # of expectation maximisation


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
        found: np.ndarray = np.clip(np.clip(middle + shift, self.low, self.high), 0.0, 1.0)
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
    cells = np.flatnonzero(chosen & (np.abs(cka) <= LARGEST))
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
    random, n = np.random.default_rng(SEED), int(members.max()) + 1
    if n == 1:
        return []
    counts = random.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)[:, members]
    counts = counts[[np.ptp(values[row > 0]) > LEAST_DIFFERENCE for row in counts if row.any()]]
    return [float(cut) for cut in _split(np.tile(values, (len(counts), 1)), counts).cut]


def _split(values: np.ndarray, counts: np.ndarray | None = None) -> _Split:
    """Fit two groups to each row by expectation maximisation, from the best division in two.

    Args:
        values: (rows, values).
        counts: how often each value counts; None: once.
    """
    order = np.argsort(values, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    counts = np.ones(values.shape) if counts is None else np.take_along_axis(counts, order, axis=1)
    n = counts.sum(axis=1)
    mean = (counts * values).sum(axis=1) / n
    variance = (counts * np.square(values - mean[:, None])).sum(axis=1) / n
    least = variance * 1e-6 + 1e-12
    low, high, share = _divided(values, counts)
    within = np.maximum(variance - share * (1 - share) * np.square(high - low), least)
    for _ in range(ROUNDS):
        before = share
        weight = counts * _weight(values, low, high, within, share)
        upper = np.clip(weight.sum(axis=1), 1e-9, n - 1e-9)
        high = (weight * values).sum(axis=1) / upper
        low = ((counts - weight) * values).sum(axis=1) / (n - upper)
        share = upper / n
        within = np.maximum(variance - share * (1 - share) * np.square(high - low), least)
        if np.abs(share - before).max() < CONVERGED:
            break
    parts = [
        np.log(part[:, None]) - np.square(values - centre[:, None]) / (2 * within[:, None])
        for part, centre in ((1 - share, low), (share, high))
    ]
    two = (counts * np.logaddexp(*parts)).sum(axis=1) - n / 2 * np.log(within)
    one = -n / 2 * np.log(np.maximum(variance, least)) - n / 2
    return _Split(low, high, np.sqrt(within), share, two - one)


def _divided(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of the two groups with the largest variance between them, and the upper one's share."""
    below, sums = np.cumsum(counts, axis=1), np.cumsum(counts * values, axis=1)
    n, total = below[:, -1:], sums[:, -1:]
    below, sums = below[:, :-1], sums[:, :-1]
    possible = (below > 0) & (below < n)
    lower = sums / np.maximum(below, 1)
    upper = (total - sums) / np.maximum(n - below, 1)
    between = np.where(possible, below * (n - below) * np.square(upper - lower), -1.0)
    best = between.argmax(axis=1)
    rows = np.arange(len(values))
    return lower[rows, best], upper[rows, best], 1 - below[rows, best] / n[:, 0]


def _weight(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, within: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """The probability that each value belongs to the upper group."""
    slope, middle = (high - low) / within, (high + low) / 2
    logit = slope[:, None] * (values - middle[:, None]) + np.log(share / (1 - share))[:, None]
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
    return found
