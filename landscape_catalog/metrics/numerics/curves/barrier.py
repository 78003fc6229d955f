"""The barrier on the straight line between two networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.barrier.spec import LineBarrier
from landscape_catalog.metrics.connectivity.result import CurvePoint
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.parameters import (
    flatten,
    require_one_landscape,
    trainable_shapes,
)
from landscape_catalog.tasks import Samples, Task


def barrier_height(ts: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    """max_t [L(t) - ((1 - t) L(0) + t L(1))], and the first t that attains it.

    The difference is 0 at both endpoints, so the barrier is never negative. NaN if any error is
    NaN.

    Args:
        ts: increasing, from 0 to 1.
        errors: the error at each t.

    Raises:
        ValueError: if the lengths differ or there are fewer than two points.

    Source: Frankle et al. 2020; Entezari et al. 2022.

    >>> barrier_height([0, 0.5, 1], [2.0, 12.0, 4.0])
    (9.0, 0.5)
    """
    if len(ts) != len(errors) or len(ts) < 2:
        raise ValueError(f"need one error for each of at least 2 points, got {len(errors)}")
    if any(math.isnan(error) for error in errors):
        return math.nan, math.nan
    deviations = [
        error - ((1 - t) * errors[0] + t * errors[-1]) for t, error in zip(ts[1:-1], errors[1:-1])
    ]
    top = max(range(len(deviations)), key=deviations.__getitem__, default=None)
    if top is None or deviations[top] <= 0:
        return 0.0, 0.0
    return float(deviations[top]), float(ts[top + 1])


def straight_line(network: nn.Module, ends: tuple[dict[str, Tensor], dict[str, Tensor]]) -> Curve:
    """(1 - t) theta + t theta' as a curve with two control points.

    Raises:
        ValueError: if an endpoint's tensor does not have the network's shape.
    """
    require_one_landscape(network, ends)
    shapes = trainable_shapes(network)
    return Curve(torch.stack([flatten(end, shapes) for end in ends]), shapes)


def line_barrier(
    network: nn.Module,
    ends: tuple[dict[str, Tensor], dict[str, Tensor]],
    train_data: Samples,
    test_data: Samples,
    task: Task,
    *,
    points: int,
    batch_size: int,
    seed: int,
    known: Sequence[CurvePoint] = (),
) -> LineBarrier:
    """The barrier on the straight line, with batch-norm statistics recomputed at every t.

    max_t [L((1 - t) theta + t theta') - ((1 - t) L(theta) + t L(theta'))] over evenly spaced t,
    where L is the training error or loss, according to the task's `connectivity_by`.

    Args:
        network: of the right architecture; not modified.
        ends: state dicts of the two networks.
        train_data: training samples.
        test_data: test samples.
        task: loss and error.
        points: number of t, including both endpoints.
        batch_size: for recomputing the statistics.
        seed: of the shuffle, the same at every t.
        known: points evaluated earlier, as for `curve_points`.

    Raises:
        ValueError: as for `curve_points`, and if the two networks differ in shape.

    Source: Frankle et al. 2020; Entezari et al. 2022; Jordan et al. 2023 for recomputed statistics.
    """
    measured = curve_points(
        network, straight_line(network, ends), train_data, test_data, task,
        points=points, batch_size=batch_size, seed=seed, known=known,
    )  # fmt: skip
    by = task.connectivity_by
    errors = [point.train.quantity(by) for point in measured]
    height, t = barrier_height([point.t for point in measured], errors)
    return LineBarrier(height, t, measured, unit=task.connectivity_unit, quantity=by)
