"""Mode connectivity: what the error along a curve says about its two ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

from landscape_catalog.metrics.connectivity.spec import ModeConnectivity


def mode_connectivity(ts: Sequence[float], errors: Sequence[float]) -> ModeConnectivity:
    """mc = 1/2 (L(theta) + L(theta')) - L(gamma(t*)), t* of the largest absolute deviation.

    The ends are the curve's own first and last points, so that both sides of the difference see
    the same recomputed batch-norm statistics. t* lies strictly between them: at the ends the
    deviation is plus and minus half of the difference of the two errors, and which sign came first
    would say only which run is named first. The earliest t wins a tie. NaN if any error is NaN.

    Args:
        ts: increasing, from 0 to 1, at least three.
        errors: the error at each t.

    Raises:
        ValueError: if the two differ in length or there are fewer than three points.

    Source: Yang et al. 2021, Eq. 4. Negative: a barrier; positive: the ends are not at a minimum.

    >>> mode_connectivity([0, 0.5, 1], [2.0, 12.0, 4.0]).mode_connectivity
    -9.0
    """
    if len(ts) != len(errors) or len(ts) < 3:
        raise ValueError(f"need one error for each of at least 3 points, got {len(errors)}")
    if any(math.isnan(error) for error in errors):
        return ModeConnectivity(*(math.nan,) * 6)
    deviations = deviations_of(errors)
    inner = range(1, len(ts) - 1)
    at = max(inner, key=lambda i: abs(deviations[i]))
    return ModeConnectivity(
        mode_connectivity=deviations[at],
        t=float(ts[at]),
        lowest=min(*(deviations[i] for i in inner), 0.0),
        highest=max(*(deviations[i] for i in inner), 0.0),
        peak_error=float(max(errors[1:-1])),
        area=_area(ts, errors),
    )


def deviations_of(errors: Sequence[float]) -> list[float]:
    """1/2 (L(theta) + L(theta')) - L(gamma(t)) at each point, the ends among them."""
    level = (errors[0] + errors[-1]) / 2
    return [level - error for error in errors]


def _area(ts: Sequence[float], errors: Sequence[float]) -> float:
    """sum_i (t_(i+1) - t_i) (L_i + L_(i+1)) / 2."""
    pieces = zip(ts, ts[1:], errors, errors[1:])
    return float(sum((t - s) * (one + other) / 2 for s, t, one, other in pieces))
