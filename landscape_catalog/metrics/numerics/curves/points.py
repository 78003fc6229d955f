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

NARROWEST = 2.0**-10  # intervals of t that are not halved further


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
    Where the loss is NaN the error is NaN too. Points asked for together agree with points asked
    for alone up to the rounding of floats.

    Args:
        network: of the right architecture; untouched.
        curve: fitted.
        train_data: training samples.
        test_data: test samples.
        task: loss and error.
        points: how many evenly spaced t, both ends included.
        batch_size: of recomputing the statistics.
        seed: of the shuffle, the same at every t.
        refine: how many further t at most, each by `next_t` of what is there so far.
        fast: False evaluates the network as it is written, one t after the other.
        known: points that were measured before with the same data, batch size and seed (an end
            belongs to many curves); they are not measured again.

    Returns:
        By increasing t.

    Raises:
        ValueError: for fewer than two points, or if a network with batch norm is given batches
            larger than the data or with one value a channel.

    Source: Izmailov et al. 2018; Garipov et al. 2018.
    """
    if points < 2:
        raise ValueError(f"a curve has two ends, got points = {points}")

    def measure(ts: Sequence[float]) -> list[CurvePoint]:
        found = evaluate_all(
            network, [curve.at(t) for t in ts], (train_data, test_data), task,
            batch_size=batch_size, seed=seed, fast=fast,
        )  # fmt: skip
        return [CurvePoint(t, train, test) for t, (train, test) in zip(ts, found)]

    there = {point.t: point for point in known}
    ts = [float(t) for t in np.linspace(0, 1, points)]
    new = measure([t for t in ts if t not in there])
    there.update((point.t, point) for point in new)
    measured = [there[t] for t in ts]
    for _ in range(refine):
        values = [point.train.quantity(task.connectivity_by) for point in measured]
        t = next_t([point.t for point in measured], values)
        if t is None:
            break
        measured = sorted(measured + measure([t]), key=lambda point: point.t)
    return measured


def next_t(ts: Sequence[float], errors: Sequence[float]) -> float | None:
    """Where to look next: beside the largest deviation from the mean of the ends.

    Of the two intervals beside that point the wider is halved; of equal ones, that towards the
    nearer end, since a peak between an end and its neighbour is what even spacing misses most. With
    the ends alone, the whole.

    Args:
        ts: increasing, at least two.
        errors: the error at each.

    Returns:
        None if an error is NaN or the interval is narrower than 2^-9.

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
    if ts[right] - ts[left] < 2 * NARROWEST:
        return None
    return (ts[left] + ts[right]) / 2
