"""What a diagnosis model says of one training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["hotter", "colder", "wider", "more data", "cleaner data"]
Question = Literal["temperature", "width or temperature", "data or temperature"]


@dataclass(frozen=True)
class Advice:
    """One change of the training, with what it is expected to bring.

    Attributes:
        action: the change.
        gain: expected gain in test accuracy (percentage points) of the best setting in that
            direction over the present one.
        low: lower end of the 90% prediction interval of the gain.
        high: upper end of it.
        probability: that the gain is positive.
        why: a sentence with numbers.
    """

    action: Action
    gain: float
    low: float
    high: float
    probability: float
    why: str


@dataclass(frozen=True)
class Neighbour:
    """A cell of the reference with similar metrics.

    Attributes:
        coordinates: its parameters, by dotted path.
        distance: root mean square of the differences of the features, each in standard deviations
            over the reference's cells.
        phase: its phase in the reference.
        test_accuracy: in percent; NaN if unknown.
    """

    coordinates: Mapping[str, float]
    distance: float
    phase: str
    test_accuracy: float


@dataclass(frozen=True)
class Answer:
    """What a model says of one training.

    Attributes:
        outside: a sentence for each feature outside the reference's range; then no advice.
        missing: features that are absent or NaN; then no advice that depends on them.
        probabilities: by question: that a higher temperature gains more than a lower one, more
            width more than the best temperature, more data more than the best temperature.
        advice: the largest expected gain first; empty if there can be none.
        nearest: the most similar cells of the reference, the nearest first.
        phase_prior: the share of each phase among the reference's cells.
    """

    outside: tuple[str, ...]
    missing: tuple[str, ...]
    probabilities: Mapping[Question, float]
    advice: tuple[Advice, ...]
    nearest: tuple[Neighbour, ...]
    phase_prior: Mapping[str, float]
