"""A number with its error, its sample count, and whether the estimator converged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.schema.records import VALUES

ErrorKind = Literal["exact", "standard error", "bound", "unknown"]


@dataclass(frozen=True)
class Estimate:
    """A number with its error.

    >>> Estimate(1.5, 0.1, "standard error", n=20, n_unit="samples").status
    'ok'
    >>> Estimate(math.nan, reason="the outputs are constant").status
    'missing'
    >>> Estimate(math.inf).missing_reason
    'the value is infinity'
    """

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    value: float
    """The number; NaN if it is missing."""
    error: float = math.nan
    """In the unit of the value; NaN if unknown."""
    kind: ErrorKind = "unknown"
    """Kind of error: `exact`, `standard error`, `bound` or `unknown`."""
    n: int = 0
    """How many samples, probes or fits the number was computed from."""
    n_unit: str = ""
    """What n counts, such as samples, probes or fits."""
    unit: str = ""
    """Unit of the value; empty if it has none."""
    converged: bool = True
    """Whether the estimator met its tolerance."""
    reason: str | None = None
    """Why the number is missing or has not converged."""
    shared_draw: bool = field(default=False, repr=False)
    """Whether the error is due to a draw (of samples, probes or seeds) that the runs or pairs of a
    cell share, so that averaging over them does not reduce it as it does independent errors."""
    influences: tuple[float, ...] | None = field(default=None, repr=False)
    """What each unit of a shared draw, in the order of the draw, contributes to the error,
    error^2 = sum_i influences_i^2, so that the error of a mean over the cell can be computed."""

    @property
    def status(self) -> str:
        """`ok`, `not converged`, or `missing`: a value that is not finite is none."""
        if not math.isfinite(self.value):
            return "missing"
        return "ok" if self.converged else "not converged"

    @property
    def missing_reason(self) -> str | None:
        """Why there is no finite value: `reason`, and whether the value is NaN or an infinity."""
        word = not_finite(self.value)
        if word is None or (word == NAN and self.reason):
            return self.reason
        if self.reason and word in self.reason:
            return self.reason
        return joined(f"the value is {word}", self.reason)


def joined(*parts: str | None) -> str:
    """The parts of a reason that there are, separated by semicolons."""
    return "; ".join(filter(None, parts))


NAN, INFINITY = "NaN", "infinity"


def not_finite(value: float) -> str | None:
    """`NaN`, `infinity` or `-infinity` for a number that is not finite, None for one that is.

    >>> not_finite(-math.inf)
    '-infinity'
    """
    if math.isfinite(value):
        return None
    if math.isnan(value):
        return NAN
    return INFINITY if value > 0 else f"-{INFINITY}"


def not_finite_reason(what: str, value: float) -> str | None:
    """What to say of a value that is not finite; None if it is.

    >>> not_finite_reason("the loss", math.nan)
    'the loss is not finite (NaN)'
    """
    word = not_finite(value)
    return word and f"{what} is not finite ({word})"


def mean_of(values: Sequence[float]) -> float:
    """The mean, also of values that are not finite or whose sum is not: NaN if it is undefined.

    >>> mean_of([1.0, 2.0]), mean_of([math.inf, 1.0]), mean_of([math.inf, -math.inf])
    (1.5, inf, nan)
    """
    try:
        return statistics.fmean(values)
    except ValueError:  # infinities of both signs
        return math.nan
    except OverflowError:
        return sum(value / len(values) for value in values)


def spread_of(values: Sequence[float]) -> float:
    """The sample standard deviation; NaN for fewer than two values or where one is not finite."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return math.nan
    squares, scale = sum_of_squares(values)
    try:
        return rounded_root(squares, scale * (len(values) - 1))
    except OverflowError:
        return math.nan


def sum_of_squares(values: Sequence[float]) -> tuple[int, int]:
    """The sum of the squared deviations from the mean, exactly: numerator and denominator.

    As in `statistics`, but with integers instead of fractions, which take twenty times as long.

    >>> sum_of_squares([1.0, 2.0, 4.5])
    (78, 12)
    """
    ratios = [value.as_integer_ratio() for value in values]
    scale = max(denominator for _, denominator in ratios)  # all of them are powers of 2
    whole = [numerator * (scale // denominator) for numerator, denominator in ratios]
    n, total = len(whole), sum(whole)
    return n * sum(map(mul, whole, whole)) - total * total, n * scale * scale


def rounded_root(numerator: int, denominator: int) -> float:
    """The square root of a fraction, correctly rounded.

    Two bits more than a float holds are computed, the last of them set if others follow, so that
    rounding to a float is rounding the root itself.

    >>> rounded_root(78, 12 * 2)
    1.8027756377319946
    """
    shift = (numerator.bit_length() - denominator.bit_length() - 109) // 2
    if shift < 0:
        numerator <<= -2 * shift
    else:
        denominator <<= 2 * shift
    root = math.isqrt(numerator // denominator)
    root |= root * root * denominator != numerator
    return (root << shift) / 1 if shift >= 0 else root / (1 << -shift)


def binomial_error(share: float, n: int) -> float:
    """Standard error of a share p of n independent units, sqrt(p (1 - p) / n)."""
    return math.sqrt(share * (1 - share) / n)


def error_of_mean(values: Sequence[float]) -> float:
    """Standard error of the mean; NaN for a single value, or where a value is not finite."""
    return spread_of(values) / math.sqrt(len(values)) if values else math.nan
