"""The comparisons of a phase rule: between the mean of a metric over a cell and a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from landscape_catalog.schema.words import in_words

# Means of counts differ from a threshold by multiples of 1/n, or by the rounding of floats.
ROUNDING, ABSOLUTE_ROUNDING = 1e-9, 1e-12

Relation = Literal["<", ">", ">="]


def is_met(value: float, relation: Relation, threshold: float) -> bool:
    """Whether a mean stands in a relation to a threshold; never if it is NaN.

    Means that differ from the threshold by less than a relative 1e-9 are equal to it: shares of
    samples are multiples of 1/n, and rounding must not decide which side of a threshold they are
    on (2.35 - 3.35 is -1 in counts of 2,000 samples, but as floats it is slightly above).

    >>> is_met(-1.0, "<", -1.0), is_met(2.3 - 3.3, "<", -1.0), is_met(-1.05, "<", -1.0)
    (False, False, True)
    """
    if math.isclose(value, threshold, rel_tol=ROUNDING, abs_tol=ABSOLUTE_ROUNDING):
        return relation == ">="
    return value < threshold if relation == "<" else value > threshold


def are_met(values: np.ndarray, relation: Relation, threshold: float | np.ndarray) -> np.ndarray:
    """`is_met` for an array of means, with one threshold or one for each mean.

    >>> are_met(np.array([-1.0, 2.3 - 3.3, -1.05, np.nan]), "<", -1.0)
    array([False, False,  True, False])
    """
    size = np.maximum(np.abs(values), np.abs(threshold))
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf
        distance = np.abs(values - threshold)
    near = distance <= np.maximum(ROUNDING * size, ABSOLUTE_ROUNDING)
    equal = (near & np.isfinite(values) & np.isfinite(threshold)) | (values == threshold)
    if relation == ">=":
        return equal | (values > threshold)
    beyond: np.ndarray = values < threshold if relation == "<" else values > threshold
    return beyond & ~equal


@dataclass(frozen=True)
class Criterion:
    """One comparison of a rule, between the mean of a metric over a cell and a threshold.

    Attributes:
        name: in words, unique within the rule.
        metric: what is compared.
        threshold: what it is compared with.
        relation: in which the metric stands to the threshold if the criterion is met.
        words: the metric in a sentence; empty for its name.
    """

    name: str
    metric: str
    threshold: float
    relation: Relation = ">"
    words: str = ""

    def met(self, value: float) -> bool:
        """Whether a mean meets it, up to rounding; never if it is NaN."""
        return is_met(value, self.relation, self.threshold)

    def met_by(self, values: np.ndarray) -> np.ndarray:
        """Which of the values meet it, as `met` says one by one."""
        return are_met(values, self.relation, self.threshold)

    def standing(self, value: float) -> str:
        """Where a mean stands, in words.

        >>> Criterion("training loss", "train_loss", 0.05, words="the training loss").standing(0.04)
        'the training loss is 0.8 of its threshold'
        >>> Criterion("barrier", "mc", -1.0, "<").standing(0.3)
        'mc is 0.3, its threshold -1'
        >>> Criterion("alike", "cka", 0.5, ">=", words="CKA").standing(0.4983)
        'CKA is 0.4983, its threshold 0.5'
        """
        words = self.words or in_words(self.metric)
        ratio = value / self.threshold if self.threshold else math.nan
        if abs(ratio - 1) < 0.05:
            return f"{words} is {value:.4g}, its threshold {self.threshold + 0.0:g}"
        if 0.01 <= ratio < 100:
            return f"{words} is {ratio:.2g} of its threshold"
        return f"{words} is {value:.3g}, its threshold {self.threshold + 0.0:g}"

    @property
    def never(self) -> float:
        """A threshold at which it is never met."""
        return -math.inf if self.relation == "<" else math.inf


def number(threshold: float | str) -> float:
    """A threshold as a number. Raises ValueError for `auto`: the rule has to be resolved first."""
    if isinstance(threshold, str):
        raise ValueError("the rule has a threshold `auto`, which is found from a grid: resolve it")
    return threshold
