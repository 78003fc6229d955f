"""The smallest effects that count, and why. Fixed before any claim was judged on data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Aim = Literal["above", "below", "within"]


@dataclass(frozen=True)
class Margin:
    """What an effect must exceed, stay below, or stay within on both sides, to count.

    Attributes:
        aim: on which side of the margin the effect has to be; `within` means between -value and
            +value.
        value: in the unit of the effect.
        reason: why it is this large.
    """

    aim: Aim
    value: float
    reason: str

    def contains(self, low: float, high: float) -> bool:
        """Whether a whole interval is where the claim says."""
        return (self.aim == "below" or low > self._lower) and (
            self.aim == "above" or high < self.value
        )

    def opposite(self, low: float, high: float) -> bool:
        """Whether a whole interval shows the opposite: beyond the margin on the other side."""
        if self.aim == "above":
            return high < -abs(self.value)
        if self.aim == "below":
            return low > self.value
        return low > self.value or high < -self.value

    def short(self, high: float) -> bool:
        """Whether a whole interval falls short of the margin that it should exceed."""
        return self.aim == "above" and high < self.value

    @property
    def _lower(self) -> float:
        return self.value if self.aim == "above" else -self.value

    @property
    def words(self) -> str:
        """The condition, such as `above 0.5`."""
        value = number(self.value)
        return f"between -{value} and {value}" if self.aim == "within" else f"{self.aim} {value}"


def number(value: float) -> str:
    """A number as text, to three digits, but to no more than four decimals.

    >>> number(12.345), number(0.00004), number(-0.05123)
    ('12.3', '0', '-0.0512')
    """
    return f"{round(value, 4) + 0.0:.3g}"


ACCURACY = Margin(
    "above",
    0.5,
    "about the standard error of a share of 10,000 test images; smaller differences do not "
    "survive another test set",
)
BETTER = Margin("above", 0.0, "the claim is about which is better, not by how much")
BARRIER = Margin(
    "above", 1.0, "the default tolerance of the phase rule: less changes no cell's connectivity"
)
SAME_BARRIER = Margin("within", 1.0, "the same tolerance")
CKA = Margin(
    "above",
    0.02,
    "twice the error of a cell's CKA from the draw of its perturbed samples (0.008 to 0.011, "
    "docs/metrics.md)",
)
SAME_HESSIAN = Margin(
    "within",
    math.log(2),
    "a factor of 2, small beside the more than tenfold change between sharp and flat",
)
SHARPER = Margin(
    "above",
    math.log(1.25),
    "a quarter, the size of the error of a Hessian that is measured on 200 samples",
)
RANKS = Margin(
    "above", 0.5, "about where two of three pairs of cells are in the right order (Kendall 1/3)"
)
DOES_NOT_RANK = Margin("below", 0.5, "the same rank correlation, not reached")
MORE_INFORMATIVE = Margin(
    "above", 0.1, "a difference in rank correlation that a reader can see in a scatter plot"
)
NOT_SEEN = Margin(
    "below", 0.1, "an exception in fewer than one of ten neighbourhoods is called rare"
)

SMALL_LOSS = 0.05
"""Training loss in nats below which the training set is fitted (the phase rule's default)."""
