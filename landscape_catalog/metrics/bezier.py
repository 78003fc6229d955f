"""A low-loss quadratic Bezier curve between two networks."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_catalog.metrics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.evaluation import Evaluation, evaluate
from landscape_catalog.metrics.parameters import flatten, unflatten
from landscape_catalog.tasks import Classification, epoch_batches

# The rate is constant over the first half, falls linearly to 1% at 90%, and stays there.
FALL_BEGINS, FALL_ENDS, FINAL_SHARE = 0.5, 0.9, 0.01


@dataclass(frozen=True)
class CurveRecipe:
    """How a curve is fitted (the paper's values; momentum and weight decay from its code)."""

    epochs: int = 50
    lr: float = 0.01
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4


@dataclass(frozen=True)
class CurvePoint:
    """Loss and error of the network at one point of a curve."""

    t: float
    train: Evaluation
    test: Evaluation


def coefficients(t: float) -> tuple[float, float, float]:
    """Bernstein weights of the three control points at t: (1-t)^2, 2t(1-t), t^2.

    >>> coefficients(0.5)
    (0.25, 0.5, 0.25)
    """
    return (1 - t) ** 2, 2 * t * (1 - t), t**2


def rate_factor(epoch: int, epochs: int) -> float:
    """Share of the initial rate at an epoch counted from 0.

    >>> [round(rate_factor(epoch, 10), 3) for epoch in range(10)]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.753, 0.505, 0.257, 0.01]
    """
    progress = epoch / epochs
    fallen = min(max((progress - FALL_BEGINS) / (FALL_ENDS - FALL_BEGINS), 0.0), 1.0)
    return 1 - (1 - FINAL_SHARE) * fallen


def fit_curve(
    network: nn.Module,
    start: dict[str, Tensor],
    end: dict[str, Tensor],
    images: Tensor,
    labels: Tensor,
    task: Classification,
    recipe: CurveRecipe,
    *,
    seed: int,
) -> Tensor:
    """Find the middle control point phi that minimises the mean loss along the curve.

    gamma(t) = (1-t)^2 theta + 2t(1-t) phi + t^2 theta'. SGD with momentum on
    E_t[L(gamma(t)) + 1/2 wd ||gamma(t)||^2], t uniform in [0, 1], drawn anew every step; the ends
    stay fixed and phi starts in the middle of the straight line. Batch norm is in train mode. The
    gradient in phi is 2t(1-t) times that in gamma(t).

    Args:
        network: of the right architecture; untouched.
        start: state dict of one end, theta.
        end: state dict of the other, theta'.
        images: training images, (n, channels, h, w) on the 0-255 scale.
        labels: (n,) of int64.
        task: normalisation and loss.
        recipe: epochs, rate, batch size, momentum, weight decay.
        seed: of t and the batch order.

    Returns:
        phi as one vector, (n_parameters,), in the order of `network.named_parameters()`.

    Source: Garipov et al. 2018; Yang et al. 2021, Eq. 12 and appendix A.2. The authors' code
    starts phi at random weights instead.
    """
    network = copy.deepcopy(network).train()
    shapes = {name: value.shape for name, value in network.named_parameters()}
    dtype = next(network.parameters()).dtype
    theta = flatten(start, shapes).to(images.device)
    theta_end = flatten(end, shapes).to(images.device)
    phi = (theta + theta_end) / 2
    velocity = torch.zeros_like(phi)
    generator = np.random.Generator(np.random.Philox(key=seed))
    for epoch in range(recipe.epochs):
        rate = recipe.lr * rate_factor(epoch, recipe.epochs)
        for batch in epoch_batches(len(images), recipe.batch_size, seed=seed, epoch=epoch + 1):
            first, middle, last = coefficients(generator.uniform())
            gamma = (first * theta + middle * phi + last * theta_end).requires_grad_()
            logits = functional_call(
                network, unflatten(gamma, shapes), (task.inputs(images[batch], dtype),)
            )
            (slope,) = torch.autograd.grad(task.loss(logits, labels[batch]), gamma)
            slope = slope + recipe.weight_decay * gamma.detach()
            velocity = recipe.momentum * velocity + middle * slope
            phi = phi - rate * velocity
    return phi


def curve_points(
    network: nn.Module,
    start: dict[str, Tensor],
    phi: Tensor,
    end: dict[str, Tensor],
    train_data: tuple[Tensor, Tensor],
    test_data: tuple[Tensor, Tensor],
    task: Classification,
    *,
    points: int,
    batch_size: int,
    seed: int,
) -> list[CurvePoint]:
    """Loss and error at evenly spaced t, with batch-norm statistics recomputed at each.

    Args:
        network: of the right architecture; untouched.
        start: state dict at t = 0.
        phi: middle control point, (n_parameters,).
        end: state dict at t = 1.
        train_data: training images and labels.
        test_data: test images and labels.
        task: normalisation, loss and error.
        points: how many t, both ends included.
        batch_size: of recomputing the statistics.
        seed: of the shuffle, the same at every t.
    """
    network = copy.deepcopy(network)
    shapes = {name: value.shape for name, value in network.named_parameters()}
    theta = flatten(start, shapes).to(phi.device)
    theta_end = flatten(end, shapes).to(phi.device)
    measured = []
    for t in np.linspace(0, 1, points):
        first, middle, last = coefficients(float(t))
        gamma = first * theta + middle * phi + last * theta_end
        network.load_state_dict(unflatten(gamma, shapes), strict=False)
        recompute_batchnorm(network, train_data[0], task, batch_size=batch_size, seed=seed)
        measured.append(
            CurvePoint(
                float(t),
                evaluate(network, *train_data, task),
                evaluate(network, *test_data, task),
            )
        )
    return measured
