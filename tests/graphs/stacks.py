"""Stacked networks with the weights of modules."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.stacked.vectors import stack_states, stacked_views
from landscape_catalog.graphs.trace import trace_network
from landscape_catalog.tasks import Classification, Samples
from tests.graphs.networks import Shape

BATCH = 5


def traced(network: nn.Module, shape: Shape) -> TracedGraph:
    samples = Samples(torch.randn(4, *shape), torch.zeros(4, dtype=torch.int64))
    graph = trace_network(copy.deepcopy(network), samples, Classification())
    assert graph is not None
    return graph


class Stacked:
    """Stacked networks with the weights of some modules, and their gradients."""

    def __init__(self, networks: list[nn.Module], shape: Shape, batch_size: int = BATCH) -> None:
        self.shapes = {name: value.shape for name, value in networks[0].named_parameters()}
        states = [{n: p.detach() for n, p in network.named_parameters()} for network in networks]
        self.weights = stack_states(states, self.shapes)
        self.gradient = torch.zeros_like(self.weights)
        self.networks = StackedNetworks(
            traced(networks[0], shape),
            stacked_views(self.weights, self.shapes, len(networks)),
            input_shape=shape,
            batch_size=batch_size,
            gradients=stacked_views(self.gradient, self.shapes, len(networks)),
        )

    def gradients(self) -> dict[str, Tensor]:
        return stacked_views(self.gradient, self.shapes, len(self.networks.outputs.tensor))


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)
