"""Loss gradients at weights stored as one vector, for one network or for a stack of networks.

The vectors of stacked networks are those of `graphs.stacked.vectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs.batching import BatchingStrategy
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.stacked.losses import stacked_losses
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.stacked.vectors import stack_states, stacked_views
from landscape_catalog.graphs.trace import network_inputs
from landscape_catalog.metrics.numerics.parameters import (
    flatten,
    random_weights,
    trainable_shapes,
    unflatten,
)
from landscape_catalog.models.copying import copied
from landscape_catalog.models.float64 import float64_device
from landscape_catalog.tasks import Samples, Task

AddGradient = Callable[[Samples], None]
# Largest difference of gradients in float64, relative to the parameter's and to the whole gradient.
RELATIVE_TOLERANCE, ROUNDING_TOLERANCE = 1e-6, 1e-12


def stack_vectors(vectors: Sequence[Tensor], shapes: Mapping[str, torch.Size]) -> Tensor:
    """T weight vectors, (n_parameters,) each, as one vector of stacked networks."""
    return stack_states([unflatten(vector, shapes) for vector in vectors], shapes)


def unstack_vector(vector: Tensor, shapes: Mapping[str, torch.Size], count: int) -> list[Tensor]:
    """The inverse of `stack_vectors`."""
    stacked = stacked_views(vector, shapes, count)
    return [flatten({name: stacked[name][t] for name in shapes}, shapes) for t in range(count)]


def network_gradient(
    network: nn.Module, task: Task, weights: Tensor, gradient: Tensor
) -> AddGradient:
    """A function that adds a batch's gradient at `weights` to `gradient`, using the network itself.

    Args:
        network: its parameters become views of the two vectors; its mode does not change.
        task: loss.
        weights: (n_parameters,).
        gradient: (n_parameters,).
    """
    shapes = trainable_shapes(network)
    values, gradients = unflatten(weights, shapes), unflatten(gradient, shapes)
    for name, parameter in network.named_parameters():
        if name in shapes:
            parameter.data = values[name]
            parameter.grad = gradients[name]  # backward adds to it in place

    def add(batch: Samples) -> None:
        task.loss(task.outputs(network, batch, weights.dtype), batch).backward()

    return add


def graph_gradient(
    graph: TracedGraph,
    task: Task,
    shapes: Mapping[str, torch.Size],
    weights: Tensor,
    gradient: Tensor,
    *,
    count: int,
    batch: Samples,
) -> AddGradient:
    """A function that writes a batch's gradients at stacked `weights` to `gradient`.

    Args:
        graph: of the network in train mode; all of its parameters are trained.
        task: loss.
        shapes: of one network's parameters.
        weights: of T stacked networks.
        gradient: in the same order.
        count: T.
        batch: samples of the number and shape of all batches.
    """
    inputs = network_inputs(batch, task, weights.dtype)
    networks = StackedNetworks(
        graph,
        stacked_views(weights, shapes, count),
        input_shape=inputs.shape[1:],
        batch_size=len(inputs),
        gradients=stacked_views(gradient, shapes, count),
    )

    def add(batch: Samples) -> None:
        inputs = network_inputs(batch, task, weights.dtype)
        outputs = networks.forward(inputs[None])
        targets = batch.targets.repeat(count, *[1] * (batch.targets.ndim - 1))
        _, _, output_gradient = stacked_losses(task, outputs, targets)
        networks.backward(output_gradient)

    return add


def gradients_agree(network: nn.Module, graph: TracedGraph, batch: Samples, task: Task) -> bool:
    """Whether the graph reproduces the network's own gradient in each parameter on a batch.

    A traced forward pass does not reveal everything, for example stopped gradients. The check runs
    in float64, where rounding moves no activation across the kink of a ReLU, and at random weights,
    so that its result is the same for all networks of the architecture.

    Args:
        network: in train mode; not modified.
        graph: of the network.
        batch: samples.
        task: loss.
    """
    device = float64_device(batch.inputs.device)
    network, batch = copied(network).to(device).double(), batch.to(device)
    shapes = trainable_shapes(network)
    vectors = [flatten(random_weights(network, seed=seed), shapes) for seed in (0, 1)]
    try:
        weights = stack_vectors(vectors, shapes)
        stacked_gradient = torch.zeros_like(weights)
        add_stacked = graph_gradient(
            graph, task, shapes, weights, stacked_gradient, count=len(vectors), batch=batch
        )
        add_stacked(batch)
        value, gradient = torch.empty_like(vectors[0]), torch.empty_like(vectors[0])
        add_gradient = network_gradient(network, task, value, gradient)
        found_gradients = unstack_vector(stacked_gradient, shapes, len(vectors))
        for vector, found in zip(vectors, found_gradients):
            value.copy_(vector)
            gradient.zero_()
            add_gradient(batch)
            expected, scale = unflatten(gradient, shapes), float(gradient.norm())
            if not _close(unflatten(found, shapes), expected, scale):
                return False
    except Exception as error:  # unsupported by a kernel; the network raises those of user code
        if is_out_of_memory(error):
            raise
        return False
    return True


def _close(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], scale: float) -> bool:
    """Agreement in each parameter, up to rounding errors of the whole gradient of norm `scale`."""
    return all(
        bool(
            (found[name] - expected[name]).norm()
            <= RELATIVE_TOLERANCE * expected[name].norm() + ROUNDING_TOLERANCE * scale
        )
        for name in expected
    )


def supports_memory_format(
    network: nn.Module, strategy: BatchingStrategy, batch: Samples, task: Task
) -> bool:
    """Whether forward and backward passes run on images in the strategy's memory format.

    Args:
        network: in train mode; not modified.
        strategy: determines the memory format.
        batch: samples.
        task: loss.
    """
    if not strategy.channels_last:
        return True
    try:
        batch = replace(batch, inputs=strategy.to_memory_format(batch.inputs))
        network = copied(network)
        dtype = next(network.parameters()).dtype
        task.loss(task.outputs(network, batch, dtype), batch).backward()
    except Exception as error:  # a custom backward pass may support only one format
        if is_out_of_memory(error):
            raise
        return False
    return True
