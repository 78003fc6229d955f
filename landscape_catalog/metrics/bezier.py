"""A low-loss Bezier curve between two networks."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_catalog.metrics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.evaluation import Evaluation, evaluate
from landscape_catalog.metrics.parameters import flatten, random_weights, unflatten
from landscape_catalog.tasks import Samples, Task, epoch_batches, seeded

# The rate is constant over the first half, falls linearly to 1% at 90%, and stays there.
FALL_BEGINS, FALL_ENDS, FINAL_SHARE = 0.5, 0.9, 0.01


@dataclass(frozen=True)
class CurveRecipe:
    """How a curve is fitted (the paper's values; momentum and weight decay from its code).

    Attributes:
        control_points: its two ends among them; 3 is a quadratic, 4 a cubic.
        init: inner control points start on the straight line, or at random weights.
        epochs: of the fit, unless `updates` says how many updates it takes.
        weight_decay: weight of 1/2 ||gamma(t)||^2.
    """

    control_points: int = 3
    init: Literal["linear", "random"] = "linear"
    epochs: int = 50
    updates: int | None = None
    lr: float = 0.01
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4


@dataclass(frozen=True)
class Curve:
    """Control points in order, (control points, n_parameters), and the shapes of the weights."""

    controls: Tensor
    shapes: dict[str, torch.Size]

    def at(self, t: float) -> dict[str, Tensor]:
        """The weights gamma(t) by name."""
        return unflatten(combine(self.controls, coefficients(t, len(self.controls))), self.shapes)


@dataclass(frozen=True)
class CurvePoint:
    """Loss and error of the network at one point of a curve."""

    t: float
    train: Evaluation
    test: Evaluation


def coefficients(t: float, control_points: int = 3) -> tuple[float, ...]:
    """Bernstein weights of the control points at t: binom(k, j) (1-t)^(k-j) t^j for j = 0..k.

    >>> coefficients(0.5)
    (0.25, 0.5, 0.25)
    >>> coefficients(0.5, 4)
    (0.125, 0.375, 0.375, 0.125)
    """
    k = control_points - 1
    return tuple(math.comb(k, j) * (1 - t) ** (k - j) * t**j for j in range(k + 1))


def combine(controls: Tensor, weights: tuple[float, ...]) -> Tensor:
    """sum_j weights_j controls_j, (n_parameters,)."""
    total = weights[0] * controls[0]
    for weight, control in zip(weights[1:], controls[1:]):
        total = total + weight * control
    return total


def rate_factor(progress: float) -> float:
    """Share of the initial rate at a share of the fit.

    >>> [round(rate_factor(epoch / 10), 3) for epoch in range(10)]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.753, 0.505, 0.257, 0.01]
    """
    fallen = min(max((progress - FALL_BEGINS) / (FALL_ENDS - FALL_BEGINS), 0.0), 1.0)
    return 1 - (1 - FINAL_SHARE) * fallen


def fit_curve(
    network: nn.Module,
    ends: tuple[dict[str, Tensor], dict[str, Tensor]],
    data: Samples,
    task: Task,
    recipe: CurveRecipe,
    *,
    seed: int,
) -> Curve:
    """Find the inner control points that minimise the mean loss along the curve.

    gamma(t) = sum_j binom(k, j) (1-t)^(k-j) t^j theta_j, theta_0 and theta_k the two networks. SGD
    with momentum on E_t[L(gamma(t)) + 1/2 wd ||gamma(t)||^2], t uniform in [0, 1], drawn anew every
    step; the ends stay fixed. Batch norm is in train mode. The gradient in theta_j is its Bernstein
    weight times that in gamma(t).

    Args:
        network: of the right architecture; untouched.
        ends: state dicts of the two networks.
        data: training samples.
        task: loss.
        recipe: control points, start, length, rate, batch size, momentum, weight decay.
        seed: of t, of the batch order, of a random start and of dropout.

    Source: Garipov et al. 2018; Yang et al. 2021, Eq. 12 and appendix A.2. The authors' code starts
    from random weights (`init="random"`).
    """
    network = copy.deepcopy(network).train()
    shapes = {name: value.shape for name, value in network.named_parameters()}
    dtype = next(network.parameters()).dtype
    controls = _start(network, ends, shapes, recipe, seed).to(data.inputs.device)
    velocity = torch.zeros_like(controls[1:-1])
    generator = np.random.Generator(np.random.Philox(key=seed))
    with seeded(seed, data.inputs.device):
        for rows, progress in _batches(len(data), recipe, seed):
            rate = recipe.lr * rate_factor(progress)
            weights = coefficients(generator.uniform(), recipe.control_points)
            gamma = combine(controls, weights).requires_grad_()
            named = unflatten(gamma, shapes)
            batch = data[rows]

            def at_gamma(*inputs: Tensor, named: dict[str, Tensor] = named) -> Tensor:
                return functional_call(network, named, inputs)

            loss = task.loss(task.outputs(at_gamma, batch, dtype), batch)
            (slope,) = torch.autograd.grad(loss, gamma)
            slope = slope + recipe.weight_decay * gamma.detach()
            for j, weight in enumerate(weights[1:-1]):
                velocity[j] = recipe.momentum * velocity[j] + weight * slope
            controls[1:-1] -= rate * velocity
    return Curve(controls, shapes)


def _start(
    network: nn.Module,
    ends: tuple[dict[str, Tensor], dict[str, Tensor]],
    shapes: dict[str, torch.Size],
    recipe: CurveRecipe,
    seed: int,
) -> Tensor:
    """Control points before the fit: evenly on the straight line, or inner ones at random."""
    theta, theta_end = (flatten(end, shapes) for end in ends)
    k = recipe.control_points - 1
    inner = [((k - j) * theta + j * theta_end) / k for j in range(1, k)]
    controls = torch.stack([theta, *inner, theta_end])  # the ends to the bit
    if recipe.init == "random":
        for j in range(1, k):
            random = random_weights(network, seed=seed + j)
            controls[j] = flatten(random, shapes).to(controls)
    return controls


def _batches(n: int, recipe: CurveRecipe, seed: int) -> Iterator[tuple[Tensor, float]]:
    """Rows of each step with the share of the fit that is done: by epochs, or by updates."""
    if recipe.updates is None:
        for epoch in range(recipe.epochs):
            for rows in epoch_batches(n, recipe.batch_size, seed=seed, epoch=epoch + 1):
                yield rows, epoch / recipe.epochs
        return
    done = epoch = 0
    while done < recipe.updates:
        epoch += 1
        for rows in epoch_batches(n, recipe.batch_size, seed=seed, epoch=epoch):
            yield rows, done / recipe.updates
            done += 1
            if done == recipe.updates:
                return


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
) -> list[CurvePoint]:
    """Loss and error at evenly spaced t, with batch-norm statistics recomputed at each.

    Args:
        network: of the right architecture; untouched.
        curve: fitted.
        train_data: training samples.
        test_data: test samples.
        task: loss and error.
        points: how many t, both ends included.
        batch_size: of recomputing the statistics.
        seed: of the shuffle, the same at every t.
    """
    network = copy.deepcopy(network)
    measured = []
    for t in np.linspace(0, 1, points):
        network.load_state_dict(curve.at(float(t)), strict=False)
        recompute_batchnorm(network, train_data, task, batch_size=batch_size, seed=seed)
        train, test = (evaluate(network, data, task) for data in (train_data, test_data))
        measured.append(CurvePoint(float(t), train, test))
    return measured
