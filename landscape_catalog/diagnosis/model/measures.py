"""Accuracy, calibration and value of answers whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.parts import Finite, Part

DRAWS, LEVEL, CALIBRATION_BINS = 2000, 0.95, 10
CONSTANT = "one answer"
"""The baseline that gives the answer that is right more often among the tested cells."""


class Interval(Part):
    """A number with its 95% interval, by resampling whole landscapes."""

    value: Finite
    """Of all cells."""
    low: Finite
    """Lower end."""
    high: Finite
    """Upper end."""


class QuestionScore(Part):
    """How well a question was answered."""

    n: int
    """Number of cells without a tie."""
    accuracy: Interval
    """Share of right answers."""
    first: Finite
    """Share of these cells of which the first answer is right."""
    baselines: dict[str, Finite]
    """Accuracy of each baseline on the same cells."""
    advantages: dict[str, Interval]
    """Accuracy less that of each baseline, and of `one answer`, the one that is right more often
    among these cells."""
    brier: Finite
    """Mean of (probability - outcome)^2."""
    calibration_error: Finite
    """Mean over ten bins of equal size of |mean probability - share of first answers| (expected
    calibration error)."""

    @property
    def is_better_than_one_answer(self) -> bool:
        """Whether the interval of the advantage over always the same answer lies above 0."""
        return self.advantages[CONSTANT].low > 0


class Value(Part):
    """What following the advice gains, in percentage points of test accuracy; ties count."""

    n: int
    """Number of cells."""
    gain: Finite
    """Mean gain of the advised action."""
    best: Finite
    """Mean gain of the best action."""
    share: Interval | None
    """`gain` / `best`, in percent; null if no action gains anything."""
    always: dict[Action, Finite]
    """Mean gain of always taking the same action."""
    advantage: Interval
    """`gain` less the largest of `always`."""

    @property
    def constant(self) -> Action:
        """The action that gains most if it is always taken."""
        return max(self.always, key=lambda action: self.always[action])


class Score(Part):
    """What one way of testing found."""

    tested_on: str
    """In words, such as `held-out width`."""
    features: tuple[str, ...]
    """The metrics and sizes that were taken."""
    n_cells: int
    """Number of cells."""
    n_outside: int
    """Those with a feature outside of the range of the model, which `diagnose run` would give no
    advice on. They count in all figures."""
    questions: dict[Question, QuestionScore]
    """Accuracy, baselines and calibration."""
    left_out: tuple[str, ...]
    """A sentence for each question that cannot be scored."""
    values: dict[str, Value]
    """The value of the advice: `temperature`, and `all` over all actions."""
    coverage: dict[Action, Finite]
    """Share of the gains within their 90% prediction intervals."""


def question_score(
    probability: np.ndarray,
    margin: np.ndarray,
    blocks: np.ndarray,
    baselines: Mapping[str, np.ndarray],
) -> QuestionScore | None:
    """The score of one question; None if all cells are ties.

    Args:
        probability: of the first answer, (cells,).
        margin: by how much the first answer gains more; 0 is a tie.
        blocks: the landscape of each cell.
        baselines: their probabilities, by name.
    """
    decided = margin != 0
    if not decided.any():
        return None
    p, first, block = probability[decided], margin[decided] > 0, blocks[decided]
    right = (p > 0.5) == first
    others = {name: (one[decided] > 0.5) == first for name, one in baselines.items()}
    constant = first if 2 * first.sum() >= len(first) else ~first
    ones = np.ones(len(first))
    return QuestionScore(
        n=len(first),
        accuracy=_ratio(right, ones, block),
        first=float(first.mean()),
        baselines={name: float(one.mean()) for name, one in others.items()},
        advantages={
            name: _ratio(right.astype(float) - one, ones, block)
            for name, one in {**others, CONSTANT: constant}.items()
        },
        brier=float(np.mean((p - first) ** 2)),
        calibration_error=_calibration_error(p, first),
    )


def advice_value(
    expected: Mapping[Action, np.ndarray],
    gain: Mapping[Action, np.ndarray],
    hotter: np.ndarray,
    blocks: np.ndarray,
) -> dict[str, Value]:
    """The value of the advice on temperature, and on all actions.

    Args:
        expected: gain of each action that may be advised, (cells,).
        gain: what each action gains, of those that may not be advised as well.
        hotter: probability that hotter is better than colder.
        blocks: the landscape of each cell.
    """
    choice = np.where(hotter > 0.5, gain["hotter"], gain["colder"])
    actions = list(expected)
    together = np.array([gain[action] for action in actions])
    advised = np.argmax(np.array([expected[action] for action in actions]), axis=0)
    taken = together[advised, np.arange(len(advised))]
    temperature: tuple[Action, ...] = ("hotter", "colder")
    found = {"temperature": _value(choice, {a: gain[a] for a in temperature}, blocks)}
    if len(gain) > len(temperature):
        found["all"] = _value(taken, gain, blocks)
    return found


def coverage(low: np.ndarray, high: np.ndarray, gain: np.ndarray) -> float:
    """The share of gains within their intervals."""
    return float(np.mean((low <= gain) & (gain <= high)))


def _value(taken: np.ndarray, gain: Mapping[Action, np.ndarray], blocks: np.ndarray) -> Value:
    best = np.max(list(gain.values()), axis=0)
    always = {action: float(one.mean()) for action, one in gain.items()}
    constant = max(always, key=lambda action: always[action])
    return Value(
        n=len(taken),
        gain=float(taken.mean()),
        best=float(best.mean()),
        share=_ratio(100 * taken, best, blocks) if best.sum() > 0 else None,
        always=always,
        advantage=_ratio(taken - gain[constant], np.ones(len(taken)), blocks),
    )


def _ratio(above: np.ndarray, below: np.ndarray, blocks: np.ndarray) -> Interval:
    """sum(above) / sum(below) with its interval, by drawing blocks with replacement."""
    _, block = np.unique(blocks, return_inverse=True)
    sums = np.array([np.bincount(block, weights=one) for one in (above, below)])
    n = sums.shape[1]
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    ratios = (draws @ sums[0]) / np.maximum(draws @ sums[1], 1e-12)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value=float(above.sum() / below.sum()), low=float(low), high=float(high))


def _calibration_error(probability: np.ndarray, first: np.ndarray) -> float:
    parts = np.array_split(np.argsort(probability, kind="stable"), CALIBRATION_BINS)
    errors = [
        len(part) * abs(probability[part].mean() - first[part].mean())
        for part in parts
        if len(part)
    ]
    return float(np.sum(errors) / len(first))
