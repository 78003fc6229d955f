"""Mode connectivity of two networks, from the error along a curve between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from landscape_catalog.metrics.connectivity.result import CurvePoint, ModeConnectivity

if TYPE_CHECKING:  # a task loads torch, which the formula does not need
    from landscape_catalog.tasks import Task


def mode_connectivity(ts: Sequence[float], errors: Sequence[float]) -> ModeConnectivity:
    """mc = 1/2 (L(theta) + L(theta')) - L(gamma(t*)), where t* maximises the absolute deviation.

    The endpoints are the curve's own first and last points, so that both terms use the same
    recomputed batch-norm statistics. t* lies strictly between them: at the endpoints the deviation
    is plus or minus half the difference of the two errors, and its sign would depend on the order
    of the two runs. Among several maximisers, t* is the first. NaN if any error is NaN.

    Args:
        ts: increasing, from 0 to 1, at least three.
        errors: the error at each t.

    Raises:
        ValueError: if the lengths differ or there are fewer than three points.

    Source: Yang et al. 2021, Eq. 4. Negative: a barrier. Positive: the endpoints are not minima.

    >>> mode_connectivity([0, 0.5, 1], [2.0, 12.0, 4.0]).mode_connectivity
    -9.0
    """
    if len(ts) != len(errors) or len(ts) < 3:
        raise ValueError(f"need one error for each of at least 3 points, got {len(errors)}")
    if any(math.isnan(error) for error in errors):
        return ModeConnectivity(*(math.nan,) * 6)
    deviations = deviations_of(errors)
    inner = range(1, len(ts) - 1)
    extremum = max(inner, key=lambda i: abs(deviations[i]))
    return ModeConnectivity(
        mode_connectivity=deviations[extremum],
        t=float(ts[extremum]),
        lowest=min(*(deviations[i] for i in inner), 0.0),
        highest=max(*(deviations[i] for i in inner), 0.0),
        peak_error=float(max(errors[1:-1])),
        area=_area(ts, errors),
    )


def connectivity_of_points(points: Sequence[CurvePoint], task: Task) -> ModeConnectivity:
    """Mode connectivity of evaluated points, from the error or loss according to the task.

    Args:
        points: by increasing t, as `curve_points` returns them.
        task: says in `connectivity_by` whether L is the training error or the training loss.

    Raises:
        ValueError: as for `mode_connectivity`.
    """
    by = task.connectivity_by
    found = mode_connectivity(
        [point.t for point in points], [point.train.quantity(by) for point in points]
    )
    return replace(found, unit=task.connectivity_unit, quantity=by, points=list(points))


def deviations_of(errors: Sequence[float]) -> list[float]:
    """1/2 (L(theta) + L(theta')) - L(gamma(t)) at each point, including the endpoints."""
    endpoint_mean = (errors[0] + errors[-1]) / 2
    return [endpoint_mean - error for error in errors]


def _area(ts: Sequence[float], errors: Sequence[float]) -> float:
    """sum_i (t_(i+1) - t_i) (L_i + L_(i+1)) / 2."""
    intervals = zip(ts, ts[1:], errors, errors[1:])
    return float(sum((t - s) * (left + right) / 2 for s, t, left, right in intervals))
