"""Curves between two of your own networks, on plain tensors.

No function in this module modifies its networks or torch's settings and random state. Each computes
with one thread and deterministic kernels, so equal calls return bit-identical results.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch  # noqa: F401 (used in the doctests)
from torch import nn

from landscape_catalog.api.arguments import checked
from landscape_catalog.api.tensors import (
    LossFunction,
    Pair,
    check_precision,
    check_trainable,
    samples_of,
    state_of,
    task_of,
)
from landscape_catalog.metrics.barrier.spec import LineBarrier
from landscape_catalog.metrics.connectivity.compute import curve_recipe
from landscape_catalog.metrics.connectivity.lengths import compared, until_converged
from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings, length_problems
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier as _line_barrier
from landscape_catalog.metrics.numerics.curves.connectivity import connectivity_of_points
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
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
    epochs: int | Literal["auto"] = 50,
    updates: int | None = None,
    convergence: float = 0.5,
    max_epochs: int = 400,
    check: bool = False,
    lr: float = 0.01,
    batch_size: int = 128,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    points: int = 5,
    refine: int = 0,
    seed: int = 0,
) -> ModeConnectivity:
    """Mode connectivity of two networks along a Bezier curve that is fitted between them.

    mc = 1/2 (L(theta) + L(theta')) - L(gamma(t*)), where t* is the t strictly between the endpoints
    whose deviation from their mean is largest in magnitude. L is the loss; for a `Task` such as
    `Classification`, it is the error or the loss, according to the task's `connectivity_by`.
    Negative: a barrier. Positive: the endpoints are not minima. Batch-norm statistics are
    recomputed at each t.

    Args:
        one: on the same device as the data.
        other: of the same architecture.
        loss: `loss(outputs, targets)`, which returns the loss of each sample, (n,), or their mean,
            (); or a `Task`.
        data: inputs (n, ...) and targets (n, ...), or `Samples`, on which the curve is fitted and
            evaluated.
        test: other samples on which each point is evaluated as well; None: those of `data`.
        control_points: number of control points, endpoints included, from 3 to 10.
        init: initial inner control points: on the straight line between the endpoints, or random
            weights.
        epochs: length of the fit. "auto": whole fits of 25, 50, 100, ... epochs, each from the
            start, until two differ by less than `convergence`.
        updates: length of the fit in SGD updates instead of epochs.
        convergence: a fit has converged if mode connectivity differs by less than this from that of
            a fit of half the length, in the unit of L. Only with "auto" or `check`.
        max_epochs: "auto": longest fit.
        check: whether to fit once more with half of the length, to see whether the fit has
            converged. "auto" always checks.
        lr: initial learning rate.
        batch_size: of the fit, and for recomputing batch-norm statistics; limited to n.
        momentum: of SGD.
        weight_decay: coefficient of 1/2 ||gamma(t)||^2.
        points: number of evenly spaced t at which the curve is evaluated, endpoints included;
            at least 3.
        refine: maximum number of further t, added one by one next to the largest deviation.
        seed: of the fit (t and batches) and of the batches for batch-norm statistics.

    Returns:
        `mode_connectivity`, in the unit of L; the `t` where it is attained; the `lowest` and
        `highest` deviation; every evaluated point; and, if fits of several lengths were made, the
        `fit_length`, the value of the `shorter` one and whether the fit has `converged` (None: not
        checked). The error of a single fit is unknown;
        `estimates` gives the mean of several fits with different seeds and its standard error.

    Raises:
        ValueError: if an argument is out of range, there are no samples or no trainable parameters,
            the networks differ in shape or in a frozen parameter, or the loss is not a mean over
            samples.
        TypeError: if an argument is of another type, or a network is in half precision.

    Source: Garipov et al. 2018; Yang et al. 2021, Eq. 4 and 12.

    A curve between a network and itself does not move:

    >>> x = torch.tensor([[1.0], [2.0]])
    >>> line = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.ones_(line.weight)
    >>> mse = torch.nn.functional.mse_loss
    >>> found = mode_connectivity(line, line, mse, (x, x), epochs=1, weight_decay=0.0)
    >>> found.mode_connectivity
    0.0
    """
    given = checked(
        "mode_connectivity",
        control_points=control_points,
        init=init,
        epochs=epochs,
        updates=updates,
        convergence=convergence,
        max_epochs=max_epochs,
        check=check,
        lr=lr,
        batch_size=batch_size,
        momentum=momentum,
        weight_decay=weight_decay,
        points=points,
        refine=refine,
        seed=seed,
    )
    settings = _settings_of(given)
    check_precision(one=one, other=other)
    check_trainable(one)
    train, task = samples_of(data), task_of(loss)
    test_samples = train if test is None else samples_of(test, "test")
    batch_size = min(given.batch_size, len(train))
    ends = state_of(one), state_of(other)

    measured: list[ModeConnectivity] = []

    def measure(place: int) -> ModeConnectivity:
        length: dict[str, Any] = {settings.length_unit: settings.lengths()[place]}
        recipe = replace(curve_recipe(given), batch_size=batch_size, **length)
        curve = fit_curve(one, ends, train, task, recipe, seed=derive_seed("fit", given.seed))
        evaluated = curve_points(
            one,
            curve,
            train,
            test_samples,
            task,
            points=given.points,
            batch_size=batch_size,
            seed=derive_seed("statistics", given.seed),
            refine=given.refine,
        )
        found = connectivity_of_points(evaluated, task)
        shorter = measured[-1] if measured else None
        measured.append(compared(found, settings, place, shorter))
        return measured[-1]

    with reproducible():
        return until_converged(settings, measure)


def _settings_of(given: Any) -> ConnectivitySettings:
    """The settings of a probe, which say which fits are made.

    Raises:
        ValueError: if two arguments exclude each other.
    """
    names = ("epochs", "updates", "convergence", "max_epochs", "check")
    settings = ConnectivitySettings(**{name: getattr(given, name) for name in names})
    for problem in length_problems(settings):
        path = problem.path.removeprefix("measure.connectivity.")
        raise ValueError(str(replace(problem, path=path)))
    return settings


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
        one: on the same device as the data.
        other: of the same architecture.
        loss: see `mode_connectivity`; it also determines L.
        data: inputs (n, ...) and targets (n, ...), or `Samples`.
        test: other samples on which each point is evaluated as well; None: those of `data`.
        points: number of evenly spaced t, endpoints included; at least 2. The default is finer than
            that of `mode_connectivity`, because a line needs no fit. The pipeline evaluates the
            line at `measure.connectivity.points`, 5 by default, as it does the curve.
        batch_size: for recomputing batch-norm statistics; limited to n.
        seed: of the batches for batch-norm statistics.

    Returns:
        `barrier`, in the unit of L; the `t` where it is attained; and every evaluated point. Exact
        at these t up to rounding.

    Raises:
        ValueError: see `mode_connectivity`.
        TypeError: see `mode_connectivity`.

    Source: Frankle et al. 2020; Entezari et al. 2022.

    The network u v x fits targets of 1 if u v = 1. On the line from (1, 1) to (-1, -1),
    u v = (1 - 2t)^2, and the loss (1 - (1 - 2t)^2)^2 is largest at t = 1/2:

    >>> def product(weight):
    ...     network = torch.nn.Sequential(*(torch.nn.Linear(1, 1, bias=False) for _ in range(2)))
    ...     _ = [torch.nn.init.constant_(p, weight) for p in network.parameters()]
    ...     return network
    >>> x = torch.ones(2, 1)
    >>> found = line_barrier(product(1.0), product(-1.0), torch.nn.functional.mse_loss, (x, x))
    >>> found.barrier, found.t
    (1.0, 0.5)
    """
    given = checked("line_barrier", points=points, batch_size=batch_size, seed=seed)
    check_precision(one=one, other=other)
    check_trainable(one)
    train, task = samples_of(data), task_of(loss)
    test_samples = train if test is None else samples_of(test, "test")
    with reproducible():
        return _line_barrier(
            one,
            (state_of(one), state_of(other)),
            train,
            test_samples,
            task,
            points=given.points,
            batch_size=min(given.batch_size, len(train)),
            seed=derive_seed("statistics", given.seed),
        )
