"""Expected gains of the actions, with prediction intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action
from landscape_catalog.diagnosis.model.parts import Finite, Part
from landscape_catalog.diagnosis.model.trees import Forest

BINS = 5
FEWEST_IN_BIN = 15
COVERAGE = 0.9


class GainBin(Part):
    """What was seen in cross-validation where the expected gain was about as large."""

    upto: Finite | None
    """Largest expected gain of the bin; null for the last one."""
    low: Finite
    """5% quantile of the gain less the expected one, with the correction for few cells."""
    high: Finite
    """95% quantile of it."""
    positive: Finite
    """Share of gains above 0, with one cell of either kind added."""


class Linear(Part):
    """A linear regression of all gains: max(0, intercept + sum of weight x feature)."""

    intercepts: tuple[Finite, ...]
    """One for each action."""
    weights: tuple[tuple[Finite, ...], ...]
    """For each action, one for each feature."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The gains, (cells, actions), for features (cells, features)."""
        found: np.ndarray = np.maximum(x @ np.array(self.weights).T + np.array(self.intercepts), 0)
        return found


class GainModel(Part):
    """The mean of a forest and a linear regression, and its errors on held-out cells."""

    actions: tuple[Action, ...]
    """The order of the forest's outputs."""
    forest: Forest
    """Learned on all features, in percentage points of test accuracy."""
    linear: Linear
    """The same."""
    bins: dict[Action, tuple[GainBin, ...]]
    """By the size of the expected gain, ascending."""

    def expected(self, x: np.ndarray) -> np.ndarray:
        """The expected gains, (cells, actions), for features (cells, features)."""
        found: np.ndarray = (self.forest.predict(x) + self.linear.predict(x)) / 2
        return found


@dataclass(frozen=True)
class Predicted:
    """The gains of one action for each cell, (cells,).

    Attributes:
        gain: expected.
        low: lower end of the 90% prediction interval.
        high: upper end of it.
    """

    gain: np.ndarray
    low: np.ndarray
    high: np.ndarray


def predicted(gain: np.ndarray, bins: tuple[GainBin, ...]) -> Predicted:
    """Expected gains with the interval of the bin that each falls into.

    It begins at 0 where more than 5% of the bin's cells gained nothing, and is widened to the
    expected gain where all held-out errors of the bin have one sign.
    """
    edges = np.array([one.upto for one in bins[:-1]], dtype=float)
    place = np.searchsorted(edges, gain)
    low, high, positive = np.array([[b.low, b.high, b.positive] for b in bins]).T
    some_gain_nothing = positive[place] < (1 + COVERAGE) / 2
    lowest = np.where(some_gain_nothing, 0.0, np.maximum(gain + low[place], 0.0))
    return Predicted(
        gain=gain,
        low=np.minimum(lowest, gain),
        high=np.maximum(gain + np.maximum(high[place], 0.0), 0.0),
    )


def is_partition(bins: Sequence[GainBin]) -> bool:
    """Whether bins cover all expected gains: ascending ends, and none for the last bin alone."""
    ends = [one.upto for one in bins]
    inner = [end for end in ends[:-1] if end is not None]
    return (
        bool(ends) and ends[-1] is None and inner == sorted(inner) and len(inner) + 1 == len(ends)
    )


def bins_of(expected: np.ndarray, gain: np.ndarray) -> tuple[GainBin, ...]:
    """Prediction intervals from held-out cells, by bins of the expected gain.

    In a bin of n cells the ends are the order statistics floor(0.05 (n + 1)) and
    ceil(0.95 (n + 1)) of gain less expected gain, which cover at least 90% of exchangeable cells
    (split conformal prediction, Vovk et al. 2005).

    Args:
        expected: gains predicted for held-out cells, (cells,).
        gain: their gains.
    """
    n_bins = int(np.clip(len(gain) // FEWEST_IN_BIN, 1, BINS))
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, n_bins + 1)[1:-1]))
    edges = edges[(edges > expected.min()) & (edges < expected.max())]
    place = np.searchsorted(edges, expected)
    found = []
    for i in range(len(edges) + 1):
        own = place == i
        errors = np.sort(gain[own] - expected[own])
        n = len(errors)
        if not n:  # where many cells have the same expected gain
            continue
        lowest = max(int(np.floor((1 - COVERAGE) / 2 * (n + 1))) - 1, 0)
        highest = min(int(np.ceil((1 + COVERAGE) / 2 * (n + 1))) - 1, n - 1)
        found.append(
            GainBin(
                upto=float(edges[i]) if i < len(edges) else None,
                low=float(errors[lowest]),
                high=float(errors[highest]),
                positive=float((np.sum(gain[own] > 0) + 1) / (n + 2)),
            )
        )
    return tuple(found)
