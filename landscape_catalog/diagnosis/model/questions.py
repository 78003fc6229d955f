"""Questions with two answers: which of two changes gains more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field

from landscape_catalog.diagnosis.model.parts import Finite, Part
from landscape_catalog.diagnosis.model.trees import Forest

AT_MINIMUM = 0.02
"""Below this training loss (nats) training has reached a minimum. On the clean grid of Zhou et al.
2024 it separates too cold from too hot among connected cells better than 0.05 (94% and 92%)."""
TOLERANCE = 1.0
"""Of mode connectivity (percentage points), where the phase rule has none."""
PRIOR = 0.9
"""The probability with which the declared reading of a regime holds."""
STRENGTH = 40.0
"""The number of cells in a regime at which the forest counts as much as the declared reading."""
DOUBT = 20.0
"""The number of cells that `PRIOR` counts as, when fitted cells show how often it holds."""
SURE = 0.99  # probabilities beyond it are not distinguished

Regime = Literal["at a minimum", "barrier", "above a minimum"]
REGIMES: tuple[Regime, ...] = ("at a minimum", "barrier", "above a minimum")


class Additive(Part):
    """A logistic regression on limited features.

    P = 1 / (1 + exp(-(intercept + sum of weight x min(max(feature, low), high)))).
    """

    intercept: Finite
    """In logits."""
    weights: tuple[Finite, ...]
    """One for each feature of the model; 0 for those that it does not take."""
    low: tuple[Finite | None, ...]
    """Smaller values of a feature count as this one; null without a limit."""
    high: tuple[Finite | None, ...]
    """Larger values of a feature count as this one; null without a limit."""

    def limited(self, x: np.ndarray) -> np.ndarray:
        """The features within their limits, (cells, features)."""
        low = [-np.inf if one is None else one for one in self.low]
        high = [np.inf if one is None else one for one in self.high]
        found: np.ndarray = np.clip(x, low, high)
        return found

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The probability for each cell, (cells,), for features (cells, features)."""
        return _logistic(self.limited(x) @ np.array(self.weights) + self.intercept)


class Regimes(Part):
    """The paper's reading of the phases, declared and not learned.

    At a minimum (train loss < `at_minimum` and mc <= `tolerance`: phases III and IV) and behind a
    barrier (mc < -`tolerance`: I and III), a higher temperature helps; above a minimum otherwise
    (II), a lower one. The reading counts as `strength` cells of the same regime, so that data
    overrule it where there are many and it holds alone where there are none; and for less, down to
    nothing, where it is wrong of fitted cells.
    """

    train_loss: int
    """Index of ln training loss among the features."""
    mode_connectivity: int | None
    """Index of mode connectivity among the features; null: it is taken as 0."""
    at_minimum: Finite = AT_MINIMUM
    """In nats."""
    tolerance: Finite = TOLERANCE
    """In percentage points of training error."""
    prior: Finite = PRIOR
    """Probability of the reading."""
    strength: Finite = STRENGTH
    """In cells, of a reading that holds with the probability `prior`."""
    doubt: Finite = DOUBT
    """In cells."""
    cells: tuple[int, int, int]
    """Number of fitted cells in each regime: at a minimum, barrier, above a minimum."""
    right: tuple[int, int, int]
    """Number of those of which the reading is right."""

    @property
    def indices(self) -> tuple[int, ...]:
        """Of the features that it takes."""
        both = (self.train_loss, self.mode_connectivity)
        return tuple(index for index in both if index is not None)

    def is_certain(self, numbers: Mapping[str, float]) -> bool:
        """Whether the reading is the same whatever mode connectivity is.

        So it is at a minimum: mode connectivity is at most the training error of the ends, so that
        an error within the tolerance leaves a connected minimum or a barrier, and both speak for a
        higher temperature.

        Args:
            numbers: `train_loss` (nats) and `train_error` (percent); NaN or absent if unknown.
        """
        loss = numbers.get("train_loss", math.nan)
        return loss < self.at_minimum and numbers.get("train_error", math.nan) <= self.tolerance

    def holds(self) -> np.ndarray:
        """The probability of the reading in each regime, (3,).

        (doubt x prior + right) / (doubt + cells), but at least 1/2: cells can refute the reading,
        not turn it round.
        """
        found: np.ndarray = (self.doubt * self.prior + np.array(self.right)) / (
            self.doubt + np.array(self.cells)
        )
        return np.maximum(found, 0.5)

    def regime(self, x: np.ndarray) -> np.ndarray:
        """The index of each cell's regime in `REGIMES`, (cells,)."""
        loss, mc = np.exp(x[:, self.train_loss]), np.zeros(len(x))
        if self.mode_connectivity is not None:
            mc = x[:, self.mode_connectivity]
        found: np.ndarray = np.where(
            (loss < self.at_minimum) & (mc <= self.tolerance),
            0,
            np.where(mc < -self.tolerance, 1, 2),
        )
        return found

    def combined(self, x: np.ndarray, learned: np.ndarray) -> np.ndarray:
        """The probability that hotter is better: the reading, corrected by what was learned.

        Args:
            x: features, (cells, features).
            learned: probability by a forest, (cells,).
        """
        regime, holds = self.regime(x), self.holds()
        strength = self.strength * (2 * holds - 1) / (2 * self.prior - 1)
        weight = strength / np.maximum(strength + np.array(self.cells), 1e-9)
        reading = np.where(regime == 2, 1 - holds[regime], holds[regime])
        found: np.ndarray = weight[regime] * reading + (1 - weight[regime]) * learned
        return found


class Baseline(Part):
    """A shallow tree on other numbers, with which the model is compared."""

    metrics: tuple[str, ...]
    """What it takes, by the names of the catalog's metrics."""
    tree: Forest | None
    """Gives the probability of the first answer; null if all fitted cells have one answer."""


class QuestionModel(Part):
    """The probability that the first of two changes gains more than the second."""

    n: int
    """Number of fitted cells without a tie."""
    share: Finite
    """Share of the first answer among them, with one cell of each answer added."""
    forest: Forest | None
    """Learned on all features; null if all fitted cells have one answer."""
    additive: Additive | None = None
    """Has the same weight as the forest, if it is there."""
    regimes: Regimes | None = None
    """The declared reading, of the question `temperature`."""
    slope: Finite = 1.0
    """Factor of the logits that calibrates probabilities, from grouped cross-validation."""
    baselines: dict[str, Baseline] = Field(default_factory=dict)
    """By name."""

    def uncalibrated(self, x: np.ndarray) -> np.ndarray:
        """The probability before calibration, (cells,), for features (cells, features)."""
        learned = np.full(len(x), self.share)
        if self.forest is not None:
            learned = self.forest.predict(x)[:, 0]
        if self.additive is not None:
            learned = (learned + self.additive.predict(x)) / 2
        return learned if self.regimes is None else self.regimes.combined(x, learned)

    def probability(self, x: np.ndarray) -> np.ndarray:
        """The calibrated probability of the first answer, (cells,)."""
        return calibrated(self.uncalibrated(x), self.slope)


def calibrated(probability: np.ndarray, slope: float) -> np.ndarray:
    """The probability whose logit is `slope` times its own; the decision at 1/2 does not change."""
    return _logistic(slope * logit(probability))


def logit(probability: np.ndarray) -> np.ndarray:
    """Its logarithmic odds; probabilities beyond 1% and 99% count as these."""
    p = np.clip(probability, 1 - SURE, SURE)
    found: np.ndarray = np.log(p / (1 - p))
    return found


def _logistic(logits: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return found
