"""What is said of a threshold that was found from a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

AUTO = "auto"
SEED = 20211026  # of all draws: the same grid has the same thresholds
N_DRAWS = 199  # of noise, by which evidence is judged
N_RESAMPLES = 200  # of lines, for bands
BAND = (0.05, 0.95)


@dataclass(frozen=True)
class FoundThreshold:
    """A threshold in effect that stands as `auto` among the settings of a rule.

    Attributes:
        name: its path below `classify`, such as `hessian.threshold`.
        value: the number in effect.
        low: lower end of its band; None if it is a fallback.
        high: upper end of its band; None if it is a fallback.
        reason: how it was found, or why it was not, in words.
        fallback: whether it is the documented default, since the grid does not show it.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    reason: str
    fallback: bool = False

    @classmethod
    def default(cls, name: str, value: float, reason: str) -> FoundThreshold:
        """The documented default, and why no other value was found."""
        return cls(name, value, None, None, reason, fallback=True)

    @property
    def number_words(self) -> str:
        """Value and band, or that it is the default.

        >>> FoundThreshold("cka.threshold", 0.52, 0.5, 0.55, "between two groups").number_words
        '0.52 (0.5 to 0.55)'
        >>> FoundThreshold.default("cka.threshold", 0.5, "there are too few cells").number_words
        '0.5, the default'
        """
        if self.low is None or self.high is None:
            return f"{self.value:g}, the default"
        return f"{self.value:g} ({self.low:g} to {self.high:g})"

    @property
    def words(self) -> str:
        """Value, band and reason as one sentence.

        >>> FoundThreshold("cka.threshold", 0.52, 0.5, 0.55, "between two groups").words
        '0.52 (0.5 to 0.55), found: between two groups'
        >>> FoundThreshold.default("cka.threshold", 0.5, "there are too few cells").words
        '0.5, the default: there are too few cells'
        """
        return f"{self.number_words}{': ' if self.fallback else ', found: '}{self.reason}"


def rounded(value: float, low: float = -math.inf, high: float = math.inf) -> float:
    """A value with three digits, or with as many as it takes to stay strictly within limits.

    >>> rounded(0.0123456), rounded(0.0123456, 0.01234, 0.01235)
    (0.0123, 0.012346)
    """
    for digits in range(3, 17):
        short = float(f"{value:.{digits}g}")
        if low < short < high:
            return short
    return value


def band(values: list[float], value: float) -> tuple[float, float]:
    """The band of a threshold by its values in resamples; it contains the value itself."""
    if not values:
        return value, value
    low, high = np.quantile(values, BAND)
    return min(rounded(float(low)), value), max(rounded(float(high)), value)
