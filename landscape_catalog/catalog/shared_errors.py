"""The error of a cell's mean that is due to the errors of what it is a mean of.

Errors of different runs or pairs are independent if each has a draw of its own (of samples, probes
or seeds), and are not if all of a cell share one draw: then its error does not average out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat, zip_longest
from typing import Literal

from landscape_catalog.metrics.estimate import Estimate

# exact: no errors. independent: in quadrature. joint: over the units of the shared draw.
# correlated: at most this large, as if shared errors were fully correlated. bound: of an estimator.
Combination = Literal["exact", "independent", "joint", "correlated", "bound", "unknown"]


@dataclass(frozen=True)
class MeanError:
    """The error of a cell's mean.

    Attributes:
        total: root of the sum of the squares of both parts, or a bound; NaN if unknown. The column
            `measurement_error`.
        combination: how it was computed. The column `measurement_error_kind`.
        shared: the part from draws that all runs or pairs of the cell share: fresh runs alone do
            not show it, fresh draws do. 0 if nothing is shared.
        own: the part from errors that are independent between runs or pairs, and which the spread
            over runs contains already.
        n_units: units (samples, probes, batches) of the shared draw, at least; the error has one
            degree of freedom less. 0 if unknown or nothing is shared.
    """

    total: float
    combination: Combination
    shared: float = 0.0
    own: float = 0.0
    n_units: int = 0


def error_of_cell_mean(estimates: Sequence[Estimate]) -> MeanError:
    """Error of the mean of estimates of one metric of a cell, by one probe.

    With influences u_ik of unit i of a shared draw on estimate k of n,

        shared^2 = sum_i (1/n sum_k u_ik)^2,    own^2 = 1/n^2 sum of error_k^2,

    where the second sum is over estimates without a shared draw. What influences leave of an error,
    and errors of a shared draw without influences (records of older versions), count as fully
    correlated, which is an upper bound: the standard deviation of a mean is at most the mean of the
    standard deviations. If any estimate has a bound instead of a standard error, so has the mean:
    the mean of the errors.

    Args:
        estimates: with values; at least one.

    Source: Efron and Stein 1981 for the jackknife.

    >>> pair = Estimate(0.5, 0.05, "standard error", influences=(0.03, 0.04), shared_draw=True)
    >>> opposed = Estimate(0.5, 0.05, "standard error", influences=(-0.03, 0.04), shared_draw=True)
    >>> error_of_cell_mean([pair, opposed])
    MeanError(total=0.04, combination='joint', shared=0.04, own=0.0, n_units=2)
    """
    n = len(estimates)
    errors = [estimate.error for estimate in estimates]
    if not all(map(math.isfinite, errors)):
        return MeanError(math.nan, "unknown", math.nan, math.nan)
    if any(estimate.kind == "bound" for estimate in estimates):
        return MeanError(sum(errors) / n, "bound")
    own = [estimate.error for estimate in estimates if not estimate.shared_draw]
    shared = [estimate for estimate in estimates if estimate.shared_draw and estimate.error]
    known = [one.influences for one in shared if one.influences is not None]
    unknown = [one.error for one in shared if one.influences is None]
    joint = math.hypot(*[total / n for total in map(sum, zip_longest(*known, fillvalue=0.0))])
    left = sum(_left(one) for one in shared if one.influences is not None) / n
    of_draw = math.hypot(joint, left) + sum(unknown) / n
    independent = math.hypot(*own) / n
    combination: Combination = "exact"
    if shared:
        combination = "correlated" if unknown else "joint"
    elif independent:
        combination = "independent"
    n_units = min(map(len, known)) if known and not unknown else 0
    return MeanError(math.hypot(of_draw, independent), combination, of_draw, independent, n_units)


def _left(estimate: Estimate) -> float:
    """The part of an error that its influences do not explain; 0 up to their rounding."""
    assert estimate.influences is not None
    try:
        left = estimate.error**2 - sum(map(pow, estimate.influences, repeat(2)))
        return math.sqrt(left) if left > 1e-9 * estimate.error**2 else 0.0
    except OverflowError:  # squares of more than 1e308
        return estimate.error
