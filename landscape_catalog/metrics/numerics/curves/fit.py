"""Fitting a low-loss Bezier curve between two networks."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors
from landscape_catalog.metrics.numerics.curves.bezier import Curve, coefficients
from landscape_catalog.metrics.numerics.curves.gradients import (
    bears_layout,
    graph_gradient,
    network_gradient,
    one_by_one,
    same_gradients,
    side_by_side,
)
from landscape_catalog.metrics.numerics.parameters import (
    flatten,
    random_weights,
    require_one_landscape,
    trainable_shapes,
)
from landscape_catalog.metrics.numerics.traced.batching import (
    BatchingStrategy,
    batching_strategy,
    stable_graph,
)
from landscape_catalog.metrics.numerics.traced.operations import TracedGraph
from landscape_catalog.tasks import Samples, Task, epoch_batches, seeded

State = dict[str, Tensor]
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


def rate_factor(progress: float) -> float:
    """Share of the initial rate at a share of the fit.

    >>> [round(rate_factor(epoch / 10), 3) for epoch in range(10)]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.753, 0.505, 0.257, 0.01]
    """
    fallen = min(max((progress - FALL_BEGINS) / (FALL_ENDS - FALL_BEGINS), 0.0), 1.0)
    return 1 - (1 - FINAL_SHARE) * fallen


def fit_curve(
    network: nn.Module,
    ends: tuple[State, State],
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

    Raises:
        ValueError: if the two networks differ in a tensor's name or shape or in a frozen parameter,
            if the batch is larger than the data, or if it leaves batch norm one value a channel.

    Source: Garipov et al. 2018; Yang et al. 2021, Eq. 12 and appendix A.2. The authors' code starts
    from random weights (`init="random"`).
    """
    return fit_curves(network, [ends], data, task, recipe, seed=seed)[0]


def fit_curves(
    network: nn.Module,
    pairs: Sequence[tuple[State, State]],
    data: Samples,
    task: Task,
    recipe: CurveRecipe,
    *,
    seed: int,
    together: bool = True,
) -> list[Curve]:
    """`fit_curve` of several pairs with the same t and batches, side by side if that is faster.

    A curve of ResNet18 or VGG11 is the same to the bit whatever others are fitted with it; of a
    network with odd numbers of channels on few pixels it may round in another way.

    Args:
        network: of the right architecture; untouched.
        pairs: state dicts of the two networks of each.
        data: training samples.
        task: loss.
        recipe: as of `fit_curve`.
        seed: as of `fit_curve`.
        together: False: small ones alone too, which rounds in another way and is faster for one.

    Raises:
        ValueError: as `fit_curve`.
    """
    network = copy.deepcopy(network).train()
    for ends in pairs:
        require_one_landscape(network, ends)
    starts = [_start(network, ends, recipe, seed).to(data.inputs.device) for ends in pairs]
    strategy, graph = _chosen_strategy(network, data[: recipe.batch_size], task, together=together)
    data = replace(data, inputs=strategy.laid(data.inputs))
    curves: dict[int, Curve] = {}
    for group in strategy.groups(len(pairs)):
        chosen = [starts[i] for i in group]
        curves |= zip(group, _fit(network, graph, chosen, data, task, recipe, seed))
    return [curves[i] for i in range(len(pairs))]


def _chosen_strategy(
    network: nn.Module, few: Samples, task: Task, *, together: bool
) -> tuple[BatchingStrategy, TracedGraph | None]:
    """By the program and side by side where that pays and gives the network's own gradients."""
    plainly = BatchingStrategy(1, channels_last=False)
    graph = stable_graph(copy.deepcopy(network), few, task, len(few))
    if graph is None:
        return plainly, None
    strategy = batching_strategy(graph, len(few), next(network.parameters()))
    if strategy.together == 1:
        return (strategy if bears_layout(network, strategy, few, task) else plainly), None
    if together and same_gradients(network, graph, few, task):
        return strategy, graph
    return plainly, None


def _fit(
    network: nn.Module,
    graph: TracedGraph | None,
    starts: list[Tensor],
    data: Samples,
    task: Task,
    recipe: CurveRecipe,
    seed: int,
) -> list[Curve]:
    """Curves from these control points; several need a program."""
    shapes = trainable_shapes(network)
    controls = torch.stack([side_by_side(points, shapes) for points in zip(*starts)])
    velocity, scratch = torch.zeros_like(controls[1:-1]), torch.empty_like(controls[0])
    gamma, slope = torch.empty_like(controls[0]), torch.zeros_like(controls[0])
    if graph is None:
        add_gradient = network_gradient(copy.deepcopy(network), task, gamma, slope)
    else:
        add_gradient = graph_gradient(graph, task, shapes, gamma, slope)
    generator = np.random.Generator(np.random.Philox(key=seed))
    with seeded(seed, data.inputs.device), clear_batch_errors(recipe.batch_size):
        for rows, progress in _batches(len(data), recipe, seed):
            rate = recipe.lr * rate_factor(progress)
            weights = coefficients(generator.uniform(), recipe.control_points)
            _combine_into(gamma, controls, weights, scratch)
            slope.zero_()
            add_gradient(data[rows])
            slope += torch.mul(gamma, recipe.weight_decay, out=scratch)
            for j, weight in enumerate(weights[1:-1]):
                velocity[j].mul_(recipe.momentum).add_(torch.mul(slope, weight, out=scratch))
                controls[j + 1] -= torch.mul(velocity[j], rate, out=scratch)
    apart = [one_by_one(points, shapes, len(starts)) for points in controls]
    return [Curve(torch.stack(own), shapes) for own in zip(*apart)]


def _combine_into(
    total: Tensor, controls: Tensor, weights: tuple[float, ...], scratch: Tensor
) -> None:
    """`combine` without new memory, with the same roundings."""
    torch.mul(controls[0], weights[0], out=total)
    for weight, control in zip(weights[1:], controls[1:]):
        total += torch.mul(control, weight, out=scratch)


def _start(network: nn.Module, ends: tuple[State, State], recipe: CurveRecipe, seed: int) -> Tensor:
    """Control points before the fit: evenly on the straight line, or inner ones at random."""
    shapes = trainable_shapes(network)
    for name in (set(ends[0]) ^ set(ends[1])) - set(shapes):
        raise ValueError(f"{name}: only one of the two networks has it")
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
