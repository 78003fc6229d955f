"""Fitting a low-loss Bezier curve between two networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from landscape_catalog.graphs.batching import (
    BatchingStrategy,
    batching_strategy,
    stable_graph,
)
from landscape_catalog.graphs.limits import SMALLEST_STACK
from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.recordable import why_not_recorded
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.descent import fit_recorded, fit_step_by_step
from landscape_catalog.metrics.numerics.curves.gradients import (
    gradients_agree,
    graph_gradient,
    network_gradient,
    stack_vectors,
    supports_memory_format,
    unstack_vector,
)
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.parameters import (
    flatten,
    random_weights,
    require_one_landscape,
    trainable_shapes,
)
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task

State = dict[str, Tensor]


def fit_curve(
    network: nn.Module,
    ends: tuple[State, State],
    data: Samples,
    task: Task,
    recipe: CurveRecipe,
    *,
    seed: int,
) -> Curve:
    """Find the inner control points that minimise the mean loss along a Bezier curve.

    The curve is gamma(t) = sum_j binom(k, j) (1-t)^(k-j) t^j theta_j, where theta_0 and theta_k are
    the two networks and stay fixed. SGD with momentum minimises E_t[L(gamma(t)) +
    1/2 wd ||gamma(t)||^2], with t drawn uniformly from [0, 1] at every step and batch norm in train
    mode. The gradient with respect to theta_j is its Bernstein weight times that with respect to
    gamma(t).

    Args:
        network: of the right architecture; not modified.
        ends: state dicts of the two networks.
        data: training samples.
        task: loss.
        recipe: hyperparameters of the fit.
        seed: of t, the batch order, random initial control points and dropout.

    Raises:
        ValueError: if the two networks differ in a tensor's name or shape or in a frozen parameter,
            if the batch is larger than the data, or if it leaves batch norm a single value per
            channel.

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
    together: bool = False,
) -> list[Curve]:
    """`fit_curve` for several pairs, with the same t and batches, side by side if asked for.

    A curve that is fitted side by side with others is bit-identical whichever these are.

    Args:
        network: of the right architecture; not modified.
        pairs: for each curve, the state dicts of its two networks.
        data: training samples.
        task: loss.
        recipe: as for `fit_curve`.
        seed: as for `fit_curve`.
        together: whether curves are fitted side by side, even a lone one; it rounds differently. On
            CUDA it makes no difference, since bits would depend on the number of curves: each is
            fitted by recorded steps of its own, or step by step if these cannot be recorded.

    Raises:
        ValueError: as for `fit_curve`, and if networks of this kind cannot be computed side by
            side.
    """
    network = copied(network).train()
    for ends in pairs:
        require_one_landscape(network, ends)
    starts = [_start(network, ends, recipe, seed).to(data.inputs.device) for ends in pairs]
    shapes, batch = trainable_shapes(network), data[: recipe.batch_size]
    on_cuda = _is_on_cuda(data)
    why = why_not_recorded(network, batch, task) if on_cuda else ""
    if on_cuda and not why:
        fit_recorded(
            starts, lambda: partial(network_gradient, copied(network), task), data, recipe, seed
        )
        return [Curve(controls, shapes) for controls in starts]
    if on_cuda and together:
        warn_once(
            "curves are fitted one by one and step by step on this GPU, which is slower, since the "
            f"network cannot be recorded: {why}"
        )
    if on_cuda or not together:
        strategy = _memory_format(network, batch, task)
        data = replace(data, inputs=strategy.to_memory_format(data.inputs))
        for controls in starts:
            make_gradient = partial(network_gradient, copied(network), task)
            fit_step_by_step(controls, make_gradient, data, recipe, seed)
        return [Curve(controls, shapes) for controls in starts]
    graph = _stackable_graph(network, batch, task)
    stack = starts if len(starts) >= SMALLEST_STACK else starts * SMALLEST_STACK
    controls = torch.stack([stack_vectors(points, shapes) for points in zip(*stack)])
    count = len(stack)
    make_gradient = partial(graph_gradient, graph, task, shapes, count=count, batch=batch)
    fit_step_by_step(controls, make_gradient, data, recipe, seed)
    curves = zip(*(unstack_vector(points, shapes, count) for points in controls))
    return [Curve(torch.stack(points), shapes) for points in curves][: len(pairs)]


def _is_on_cuda(data: Samples) -> bool:
    return data.inputs.device.type == "cuda"


def _stackable_graph(network: nn.Module, batch: Samples, task: Task) -> TracedGraph:
    """The graph of a network, if it reproduces the network's gradients.

    Raises:
        ValueError: if it does not.
    """
    graph = stable_graph(copied(network), batch, task, len(batch))
    if graph is None or not gradients_agree(network, graph, batch, task):
        raise ValueError("curves between networks of this kind cannot be fitted side by side")
    return graph


def _memory_format(network: nn.Module, batch: Samples, task: Task) -> BatchingStrategy:
    """The memory format of images for a network on its own."""
    graph = stable_graph(copied(network), batch, task, len(batch))
    one_by_one = BatchingStrategy(1, channels_last=False)
    if graph is None:
        return one_by_one
    strategy = batching_strategy(graph, len(batch), next(network.parameters()))
    alone = strategy.stack_size == 1 and supports_memory_format(network, strategy, batch, task)
    return strategy if alone else one_by_one


def _start(network: nn.Module, ends: tuple[State, State], recipe: CurveRecipe, seed: int) -> Tensor:
    """The initial control points: on the straight line, or with random inner ones."""
    shapes = trainable_shapes(network)
    for name in (set(ends[0]) ^ set(ends[1])) - set(shapes):
        raise ValueError(f"{name}: missing in one of the two networks")
    theta, theta_end = (flatten(end, shapes) for end in ends)
    k = recipe.control_points - 1
    inner = [((k - j) * theta + j * theta_end) / k for j in range(1, k)]
    controls = torch.stack([theta, *inner, theta_end])  # the endpoints are exact
    if recipe.init == "random":
        for j in range(1, k):
            random = random_weights(network, seed=seed + j)
            controls[j] = flatten(random, shapes).to(controls)
    return controls
