"""A number with its error, its sample count, and whether the estimator converged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
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
        """`ok`, `not converged`, or `missing`."""
        if math.isnan(self.value):
            return "missing"
        return "ok" if self.converged else "not converged"


def binomial_error(share: float, n: int) -> float:
    """Standard error of a share p of n independent units, sqrt(p (1 - p) / n)."""
    return math.sqrt(share * (1 - share) / n)


def error_of_mean(values: Sequence[float]) -> float:
    """Standard error of the mean of the values; NaN for a single value."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
