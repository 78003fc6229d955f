"""Accuracy, calibration and value of answers whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action

DRAWS, LEVEL, CALIBRATION_BINS = 2000, 0.95, 10


@dataclass(frozen=True)
class Interval:
    """A number with its 95% interval, by resampling whole landscapes.

    Attributes:
        value: of all cells.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class QuestionScore:
    """How well a question was answered.

    Attributes:
        n: number of cells without a tie.
        accuracy: share of right answers.
        baselines: accuracy of each baseline on the same cells.
        brier: mean of (probability - outcome)^2.
        calibration_error: mean over ten bins of equal size of |mean probability - share of first
            answers| (expected calibration error).
    """

    n: int
    accuracy: Interval
    baselines: Mapping[str, float]
    brier: float
    calibration_error: float


@dataclass(frozen=True)
class Value:
    """What following the advice gains, in percentage points of test accuracy; ties count.

    Attributes:
        n: number of cells.
        gain: mean gain of the advised action.
        best: mean gain of the best action.
        share: `gain` / `best`, in percent.
        always: mean gain of always taking the same action, by action.
    """

    n: int
    gain: float
    best: float
    share: Interval
    always: Mapping[Action, float]


def question_score(
    probability: np.ndarray,
    margin: np.ndarray,
    blocks: np.ndarray,
    baselines: Mapping[str, np.ndarray],
) -> QuestionScore:
    """The score of one question.

    Args:
        probability: of the first answer, (cells,).
        margin: by how much the first answer gains more; 0 is a tie.
        blocks: the landscape of each cell.
        baselines: their probabilities, by name.
    """
    decided = margin != 0
    p, first = probability[decided], margin[decided] > 0
    right = ((p > 0.5) == first).astype(float)
    return QuestionScore(
        n=int(decided.sum()),
        accuracy=_ratio(right, np.ones_like(right), blocks[decided]),
        baselines={name: _mean((one[decided] > 0.5) == first) for name, one in baselines.items()},
        brier=_mean((p - first) ** 2),
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
        gain: what it gains.
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
    if len(actions) > len(temperature):
        found["all"] = _value(taken, {action: gain[action] for action in actions}, blocks)
    return found


def coverage(low: np.ndarray, high: np.ndarray, gain: np.ndarray) -> float:
    """The share of gains within their intervals."""
    return _mean((low <= gain) & (gain <= high))


def _value(taken: np.ndarray, gain: Mapping[Action, np.ndarray], blocks: np.ndarray) -> Value:
    best = np.max(list(gain.values()), axis=0)
    share = _ratio(100 * taken, best, blocks)
    always = {action: _mean(one) for action, one in gain.items()}
    return Value(len(taken), _mean(taken), _mean(best), share, always)


def _ratio(above: np.ndarray, below: np.ndarray, blocks: np.ndarray) -> Interval:
    """sum(above) / sum(below) with its interval, by drawing blocks with replacement."""
    if not len(above) or not below.sum():
        return Interval(float("nan"), float("nan"), float("nan"))
    _, block = np.unique(blocks, return_inverse=True)
    sums = np.array([np.bincount(block, weights=one) for one in (above, below)])
    n = sums.shape[1]
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    ratios = (draws @ sums[0]) / np.maximum(draws @ sums[1], 1e-12)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(above.sum() / below.sum()), float(low), float(high))


def _calibration_error(probability: np.ndarray, first: np.ndarray) -> float:
    if not len(first):
        return float("nan")
    parts = np.array_split(np.argsort(probability, kind="stable"), CALIBRATION_BINS)
    errors = [
        len(part) * abs(probability[part].mean() - first[part].mean())
        for part in parts
        if len(part)
    ]
    return float(np.sum(errors) / len(first))


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
