"""Loss and error along a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from landscape_catalog.metrics.connectivity.result import CurvePoint
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import deviations_of
from landscape_catalog.metrics.numerics.curves.sweep import evaluate_all
from landscape_catalog.tasks import Samples, Task

NARROWEST_INTERVAL = 2.0**-10  # refinement never makes an interval of t narrower


def curve_points(
    network: nn.Module,
    curve: Curve,
    train_data: Samples,
    test_data: Samples,
    task: Task,
    *,
    points: int,
    batch_size: int,
    seed: int,
    refine: int = 0,
    fast: bool = True,
    known: Sequence[CurvePoint] = (),
) -> list[CurvePoint]:
    """Loss and error at evenly spaced t, with batch-norm statistics recomputed at each.

    Statistics are the cumulative mean over train-mode batches of one shuffle of the training data.
    If the loss is NaN, so is the error. Points evaluated in one call agree with points evaluated in
    separate calls up to rounding.

    Args:
        network: of the right architecture; not modified.
        curve: fitted.
        train_data: training samples.
        test_data: test samples; if this is `train_data` itself, it is evaluated only once.
        task: loss and error.
        points: number of evenly spaced t, including both endpoints.
        batch_size: for recomputing the statistics.
        seed: of the shuffle, the same at every t.
        refine: maximum number of further t, chosen one by one with `next_t`.
        fast: False evaluates the network itself, one t at a time.
        known: points evaluated earlier with the same data, batch size and seed. They are reused,
            since many curves share an endpoint.

    Returns:
        The points by increasing t.

    Raises:
        ValueError: for fewer than two points, or if batches for a network with batch norm are
            larger than the data or leave a single value per channel.

    Source: Izmailov et al. 2018; Garipov et al. 2018.
    """
    if points < 2:
        raise ValueError(f"points must be at least 2, the endpoints of the curve, got {points}")
    datasets = [train_data] if test_data is train_data else [train_data, test_data]

    def evaluate_at(ts: Sequence[float]) -> list[CurvePoint]:
        evaluations = evaluate_all(
            network, [curve.at(t) for t in ts], datasets, task,
            batch_size=batch_size, seed=seed, fast=fast,
        )  # fmt: skip
        return [CurvePoint(t, found[0], found[-1]) for t, found in zip(ts, evaluations)]

    by_t = {point.t: point for point in known}
    ts = [float(t) for t in np.linspace(0, 1, points)]
    by_t.update((point.t, point) for point in evaluate_at([t for t in ts if t not in by_t]))
    evaluated = [by_t[t] for t in ts]
    for _ in range(refine):
        errors = [point.train.quantity(task.connectivity_by) for point in evaluated]
        t = next_t([point.t for point in evaluated], errors)
        if t is None:
            break
        evaluated = sorted(evaluated + evaluate_at([t]), key=lambda point: point.t)
    return evaluated


def next_t(ts: Sequence[float], errors: Sequence[float]) -> float | None:
    """The t to evaluate next, beside the point that deviates most from the mean of the endpoints.

    It bisects the wider of the two intervals adjacent to that point. If they are equally wide, it
    bisects the one towards the nearer endpoint, since even spacing is most likely to miss a peak
    near an endpoint. If there are only the two endpoints, it bisects the whole range.

    Args:
        ts: increasing, at least two.
        errors: the error at each t.

    Returns:
        None if an error is NaN, or if the interval is narrower than 2^-9.

    >>> next_t([0, 0.25, 0.5, 0.75, 1], [2, 9, 3, 3, 2])
    0.125
    >>> next_t([0, 0.125, 0.25, 0.5, 0.75, 1], [2, 4, 9, 3, 3, 2])
    0.375
    """
    if any(math.isnan(error) for error in errors):
        return None
    left, right = 0, 1
    if len(ts) > 2:
        deviations = deviations_of(errors)
        peak = max(range(1, len(ts) - 1), key=lambda i: abs(deviations[i]))
        before, after = ts[peak] - ts[peak - 1], ts[peak + 1] - ts[peak]
        earlier = before > after or (before == after and ts[peak] <= (ts[0] + ts[-1]) / 2)
        left, right = (peak - 1, peak) if earlier else (peak, peak + 1)
    if ts[right] - ts[left] < 2 * NARROWEST_INTERVAL:
        return None
    return (ts[left] + ts[right]) / 2
