"""Curves between two networks of yours, on plain tensors."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch  # noqa: F401 (used in the doctests)
from torch import nn

from landscape_catalog.api.tensors import LossFunction, Pair, samples_of, state_of, task_of
from landscape_catalog.metrics.barrier.spec import LineBarrier
from landscape_catalog.metrics.connectivity.spec import ModeConnectivity
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier as _line_barrier
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity as _deviation
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curve
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.tasks import Samples, Task


def mode_connectivity(
    one: nn.Module,
    other: nn.Module,
    loss: LossFunction | Task,
    data: Pair | Samples,
    *,
    test: Pair | Samples | None = None,
    control_points: int = 3,
    init: Literal["linear", "random"] = "linear",
    epochs: int = 50,
    updates: int | None = None,
    lr: float = 0.01,
    batch_size: int = 128,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    points: int = 5,
    refine: int = 0,
    seed: int = 0,
) -> ModeConnectivity:
    """Mode connectivity of two networks along a Bezier curve that is fitted between them.

    mc = 1/2 (L(theta) + L(theta')) - L(gamma(t*)), t* the inner t whose deviation from the mean of
    the endpoints is largest in magnitude. L is the loss, or, for a `Task` such as `Classification`,
    what it names in `connectivity_by`. Negative: a barrier. Positive: the endpoints are not minima.
    Batch-norm statistics are recomputed at each t.

    The networks, their gradients and modes, and torch's settings and random state stay as they are;
    so it is with every function of this module.

    Args:
        one: on the device of the data.
        other: of the same architecture.
        loss: `loss(outputs, targets)`, which returns one loss a sample, (n,), or their mean, (); or
            a `Task`.
        data: inputs (n, ...) and targets (n, ...), or `Samples`: the curve is fitted to them and
            evaluated on them.
        test: further samples on which each point is evaluated; None: those of `data` again.
        control_points: of the curve, its endpoints included.
        init: where the inner control points start: on the straight line, or at random weights.
        epochs: length of the fit.
        updates: length of the fit in SGD updates, instead of epochs.
        lr: initial learning rate.
        batch_size: of the fit, and of recomputing batch-norm statistics; all n samples where there
            are fewer.
        momentum: of SGD.
        weight_decay: coefficient of 1/2 ||gamma(t)||^2.
        points: evenly spaced t at which the curve is evaluated, its endpoints included.
        refine: further t, chosen next to the largest deviation.
        seed: of t and batches.

    Returns:
        `mode_connectivity` in the unit of the loss (of the error, for a task), the `t` where it is
        reached, the `lowest` and `highest` deviation, and every point. Means of several fits with
        other seeds have an error; a single fit has none that is known.

    Raises:
        ValueError: if there is no sample, the networks differ in a shape or a frozen parameter, or
            the loss is no mean over samples.

    Source: Garipov et al. 2018; Yang et al. 2021, Eq. 4 and 12.

    Between a network and itself the curve stays where it is:

    >>> x = torch.tensor([[1.0], [2.0]])
    >>> line = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.ones_(line.weight)
    >>> mse = torch.nn.functional.mse_loss
    >>> found = mode_connectivity(line, line, mse, (x, x), epochs=1, weight_decay=0.0)
    >>> found.mode_connectivity
    0.0
    """
    train, task = samples_of(data), task_of(loss)
    batch_size = min(batch_size, len(train))
    recipe = CurveRecipe(
        control_points, init, epochs, updates, lr, batch_size, momentum, weight_decay
    )
    ends = state_of(one), state_of(other)
    with reproducible():
        curve = fit_curve(one, ends, train, task, recipe, seed=derive_seed("fit", seed))
        evaluated = curve_points(
            one,
            curve,
            train,
            train if test is None else samples_of(test),
            task,
            points=points,
            batch_size=batch_size,
            seed=derive_seed("statistics", seed),
            refine=refine,
        )
    by = task.connectivity_by
    found = _deviation([p.t for p in evaluated], [p.train.quantity(by) for p in evaluated])
    return dataclasses.replace(found, unit=task.connectivity_unit, quantity=by, points=evaluated)


def line_barrier(
    one: nn.Module,
    other: nn.Module,
    loss: LossFunction | Task,
    data: Pair | Samples,
    *,
    test: Pair | Samples | None = None,
    points: int = 11,
    batch_size: int = 128,
    seed: int = 0,
) -> LineBarrier:
    """The barrier on the straight line between two networks (linear mode connectivity).

    max_t [L((1 - t) theta + t theta') - ((1 - t) L(theta) + t L(theta'))], at least 0. Batch-norm
    statistics are recomputed at each t.

    Args:
        one: on the device of the data.
        other: of the same architecture.
        loss: as of `mode_connectivity`, and L with it.
        data: inputs (n, ...) and targets (n, ...), or `Samples`.
        test: further samples on which each point is evaluated; None: those of `data` again.
        points: evenly spaced t, both ends included.
        batch_size: of recomputing batch-norm statistics; all n samples where there are fewer.
        seed: of their shuffle.

    Returns:
        `barrier` in the unit of the loss (of the error, for a task), the `t` where it is, and every
        point. Exact at these t, but for rounding.

    Raises:
        ValueError: as of `mode_connectivity`, and for fewer than two points.

    Source: Frankle et al. 2020; Entezari et al. 2022.

    Targets 1 are fitted by u v = 1; on the line from (1, 1) to (-1, -1), u v = (1 - 2t)^2, whose
    loss (1 - (1 - 2t)^2)^2 is largest at 1/2:

    >>> def product(weight):
    ...     network = torch.nn.Sequential(*(torch.nn.Linear(1, 1, bias=False) for _ in range(2)))
    ...     _ = [torch.nn.init.constant_(p, weight) for p in network.parameters()]
    ...     return network
    >>> x = torch.ones(2, 1)
    >>> found = line_barrier(product(1.0), product(-1.0), torch.nn.functional.mse_loss, (x, x))
    >>> found.barrier, found.t
    (1.0, 0.5)
    """
    train, task = samples_of(data), task_of(loss)
    with reproducible():
        found = _line_barrier(
            one,
            (state_of(one), state_of(other)),
            train,
            train if test is None else samples_of(test),
            task,
            points=points,
            batch_size=min(batch_size, len(train)),
            seed=derive_seed("statistics", seed),
        )
    return dataclasses.replace(found, unit=task.connectivity_unit, quantity=task.connectivity_by)
