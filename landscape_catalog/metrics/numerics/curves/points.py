"""Loss and error along a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from landscape_catalog.metrics.connectivity.spec import CurvePoint
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
    Where the loss is NaN, so is the error. Points evaluated in one call agree with points evaluated
    in separate calls up to rounding.

    Args:
        network: of the right architecture; untouched.
        curve: fitted.
        train_data: training samples.
        test_data: test samples; if they are `train_data` itself, those are evaluated once.
        task: loss and error.
        points: number of evenly spaced t, including both ends.
        batch_size: for recomputing the statistics.
        seed: of the shuffle, the same at every t.
        refine: at most so many further t, chosen one by one by `next_t`.
        fast: False evaluates the network itself, one t after the other.
        known: points evaluated before with the same data, batch size and seed, which are not
            evaluated again: many curves share an end.

    Returns:
        By increasing t.

    Raises:
        ValueError: for fewer than two points, or if a network with batch norm gets batches that are
            larger than the data or have a single value per channel.

    Source: Izmailov et al. 2018; Garipov et al. 2018.
    """
    if points < 2:
        raise ValueError(f"a curve has two ends, got points = {points}")
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
    """The t to evaluate next, beside the point that deviates most from the mean of the ends.

    It halves the wider of the two intervals beside that point. If they are equal, it halves the one
    towards the nearer end, since even spacing is most likely to miss a peak beside an end. If there
    are only the two ends, it halves the whole range.

    Args:
        ts: increasing, at least two.
        errors: the error at each.

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
        at = max(range(1, len(ts) - 1), key=lambda i: abs(deviations[i]))
        before, after = ts[at] - ts[at - 1], ts[at + 1] - ts[at]
        earlier = before > after or (before == after and ts[at] <= (ts[0] + ts[-1]) / 2)
        left, right = (at - 1, at) if earlier else (at, at + 1)
    if ts[right] - ts[left] < 2 * NARROWEST_INTERVAL:
        return None
    return (ts[left] + ts[right]) / 2
