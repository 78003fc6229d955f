"""The loss's gradient at weights that lie in one vector: of one network, or of several at a time.

The weights of T networks lie side by side, parameter by parameter: first the T weights of the first
layer, one network's after the other's, then the T biases, and so on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.parameters import (
    flatten,
    random_weights,
    trainable_shapes,
    unflatten,
)
from landscape_catalog.metrics.numerics.traced.batching import BatchingStrategy
from landscape_catalog.metrics.numerics.traced.folding import fresh_statistics
from landscape_catalog.metrics.numerics.traced.operations import TracedGraph
from landscape_catalog.metrics.numerics.traced.run import run_stacked
from landscape_catalog.metrics.numerics.traced.trace import inputs_of
from landscape_catalog.tasks import Samples, Task

AddGradient = Callable[[Samples], None]
AGREEMENT, ROUNDING = 1e-6, 1e-12  # of gradients in float64, relative


def side_by_side(vectors: Sequence[Tensor], shapes: Mapping[str, torch.Size]) -> Tensor:
    """T vectors of weights, (n_parameters,) each, as one, (T * n_parameters,)."""
    pieces = [unflatten(vector, shapes) for vector in vectors]
    joined = {name: torch.stack([own[name] for own in pieces]) for name in shapes}
    return flatten(joined, _stacked(shapes, len(vectors)))


def one_by_one(vector: Tensor, shapes: Mapping[str, torch.Size], count: int) -> list[Tensor]:
    """The inverse of `side_by_side`."""
    pieces = unflatten(vector, _stacked(shapes, count))
    return [flatten({n: pieces[n][t] for n in shapes}, shapes) for t in range(count)]


def network_gradient(network: nn.Module, task: Task, values: Tensor, slopes: Tensor) -> AddGradient:
    """What adds a batch's gradient at `values` to `slopes`, by the network as it is written.

    Args:
        network: becomes pieces of the two vectors; its mode stays.
        task: loss.
        values: weights, (n_parameters,).
        slopes: gradients, (n_parameters,).
    """
    shapes = trainable_shapes(network)
    pieces, slope_pieces = unflatten(values, shapes), unflatten(slopes, shapes)
    for name, parameter in network.named_parameters():
        if name in shapes:
            parameter.data = pieces[name]
            parameter.grad = slope_pieces[name]  # backward adds to it in place

    def add(batch: Samples) -> None:
        task.loss(task.outputs(network, batch, values.dtype), batch).backward()

    return add


def graph_gradient(
    graph: TracedGraph,
    task: Task,
    shapes: Mapping[str, torch.Size],
    values: Tensor,
    slopes: Tensor,
) -> AddGradient:
    """What adds a batch's gradients at T networks' `values` to `slopes`, by their program.

    Args:
        program: of the network in train mode; all its parameters are trained.
        task: loss.
        shapes: of one network's parameters.
        values: weights side by side, (T * n_parameters,).
        slopes: gradients side by side, (T * n_parameters,).
    """
    count = len(values) // sum(shape.numel() for shape in shapes.values())
    stacked = _stacked(shapes, count)
    slope_pieces = unflatten(slopes, stacked)
    weights = {n: piece.requires_grad_() for n, piece in unflatten(values, stacked).items()}
    for name, weight in weights.items():
        weight.grad = slope_pieces[name]
    statistics = fresh_statistics(graph, weights)  # nobody reads them

    def add(batch: Samples) -> None:
        inputs = inputs_of(batch, task, values.dtype)
        outputs = run_stacked(graph, weights, statistics, inputs, momentum=1.0)
        every = outputs.unflatten(1, (count, -1)).unbind(1)
        torch.stack([task.loss(own, batch) for own in every]).sum().backward()

    return add


def same_gradients(network: nn.Module, graph: TracedGraph, batch: Samples, task: Task) -> bool:
    """Whether the program gives the network's own gradient in each parameter on a batch.

    In float64, where roundings move no activation over a ReLU's kink, and at random weights, so
    that the answer is the same for all networks of the architecture. A network may do what no
    watching shows, such as stop a gradient.

    Args:
        network: in train mode; untouched.
        program: of the network.
        batch: samples.
        task: loss.
    """
    network = copy.deepcopy(network).double()
    shapes = trainable_shapes(network)
    some = [flatten(random_weights(network, seed=seed), shapes) for seed in (0, 1)]
    try:
        values = side_by_side(some, shapes)
        slopes = torch.zeros_like(values)
        graph_gradient(graph, task, shapes, values, slopes)(batch)
        value, slope = torch.empty_like(some[0]), torch.empty_like(some[0])
        add_gradient = network_gradient(network, task, value, slope)
        for weights, found in zip(some, one_by_one(slopes, shapes, len(some))):
            value.copy_(weights)
            slope.zero_()
            add_gradient(batch)
            if not _close(unflatten(found, shapes), unflatten(slope, shapes), float(slope.norm())):
                return False
    except Exception:  # whatever kernels refuse; the network itself raises what is a user's fault
        return False
    return True


def _close(found: Mapping[str, Tensor], true: Mapping[str, Tensor], whole: float) -> bool:
    """In each parameter; one that has no gradient but roundings is held to the whole's."""
    return all(
        bool((found[name] - true[name]).norm() <= AGREEMENT * true[name].norm() + ROUNDING * whole)
        for name in true
    )


def bears_layout(
    network: nn.Module, strategy: BatchingStrategy, batch: Samples, task: Task
) -> bool:
    """Whether forward and backward run on images in the way's layout.

    Args:
        network: in train mode; untouched.
        way: the layout.
        batch: samples.
        task: loss.
    """
    if not strategy.channels_last:
        return True
    try:
        laid = replace(batch, inputs=strategy.laid(batch.inputs))
        network = copy.deepcopy(network)
        dtype = next(network.parameters()).dtype
        task.loss(task.outputs(network, laid, dtype), laid).backward()
    except Exception:  # a user's own backward pass may know one layout only
        return False
    return True


def _stacked(shapes: Mapping[str, torch.Size], count: int) -> dict[str, torch.Size]:
    return {name: torch.Size((count, *shape)) for name, shape in shapes.items()}
