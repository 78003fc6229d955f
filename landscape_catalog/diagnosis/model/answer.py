"""What a diagnosis model says of one training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from landscape_catalog.diagnosis.model.measures import Score

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
        probability: that it gains more than `versus`, by the question about both; NaN if there is
            no such question.
        versus: what it is compared with, in words; empty if with nothing.
        why: a sentence with numbers.
        caveat: what speaks against relying on it, in words; empty if nothing does.
    """

    action: Action
    gain: float
    low: float
    high: float
    probability: float
    versus: str
    why: str
    caveat: str = ""


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
        without: those of the missing features that other cells' answers take and this one does not;
            empty if there is no advice.
        undecided: why metrics of single runs give no advice, in words; empty if they do.
        probabilities: by question: that a higher temperature gains more than a lower one, more
            width more than the best temperature, more data more than the best temperature.
        advice: the largest expected gain first; empty if there can be none.
        nearest: the most similar cells of the reference, the nearest first.
        phase_prior: the share of each phase among the reference's cells.
        tested: how good answers from the features that were taken are, on cells of the reference
            that were held out; None without advice.
        verdicts: a sentence for each question about which these answers are not better than a
            simpler rule.
    """

    outside: tuple[str, ...]
    missing: tuple[str, ...]
    probabilities: Mapping[Question, float]
    advice: tuple[Advice, ...]
    nearest: tuple[Neighbour, ...]
    phase_prior: Mapping[str, float]
    without: tuple[str, ...] = ()
    undecided: str = ""
    tested: Score | None = None
    verdicts: tuple[str, ...] = ()
