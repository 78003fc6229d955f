"""Weights and optimiser of networks that are trained side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landscape_catalog.graphs.limits import SMALLEST_STACK
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.stacked.vectors import (
    fill_by_member,
    select_members,
    stack_states,
    stacked_views,
)
from landscape_catalog.training.checkpoints import TrainingState, prefixed
from landscape_catalog.training.recipe import Recipe

MOMENTUM = 0.1  # of running batch-norm statistics, as torch's default
RUNNING = {"means": "running_mean", "variances": "running_var"}
BATCHES_SEEN = "num_batches_tracked"  # a counter of every batch norm


class Stack:
    """T networks and SGD with momentum, with one vector for the weights of all.

    v <- momentum v + g + wd theta; theta <- theta - factor lr v, elementwise, where each network
    has its own lr and wd. A lone network is stacked with itself, since kernels treat a stack of one
    in another way.

    Args:
        graph: of the networks in train mode.
        runs: network and recipe of each run; the networks' present weights and statistics are
            where it begins.
        input_shape: of one sample.
        batch_size: samples of each network in a step.
    """

    def __init__(
        self,
        graph: TracedGraph,
        runs: Sequence[tuple[nn.Module, Recipe]],
        *,
        input_shape: Sequence[int],
        batch_size: int,
    ) -> None:
        self.graph, self.runs, self.batch_size = graph, list(runs), batch_size
        self.input_shape = tuple(input_shape)
        networks, recipes = zip(*(runs if len(runs) >= SMALLEST_STACK else [*runs, *runs]))
        self.count = len(networks)
        self.shapes = {name: value.shape for name, value in networks[0].named_parameters()}
        with torch.no_grad():
            states = [dict(network.named_parameters()) for network in networks]
            self.weights = stack_states(states, self.shapes)
        self.velocity, self.gradient, rates, decays = (
            torch.zeros_like(self.weights) for _ in range(4)
        )
        self.rates = fill_by_member(rates, self.shapes, [r.lr for r in recipes])
        self.decays = fill_by_member(decays, self.shapes, [r.weight_decay for r in recipes])
        self.momentum = recipes[0].momentum
        self.networks = StackedNetworks(
            graph,
            self._views(self.weights),
            input_shape=input_shape,
            batch_size=batch_size,
            gradients=self._views(self.gradient),
        )
        self.batches = 0
        self._batches_before = [_batches_seen(network) for network, _ in runs]
        for place, network in enumerate(networks):
            self._load_statistics(place, dict(network.named_buffers()))

    def _views(self, vector: Tensor) -> dict[str, Tensor]:
        return stacked_views(vector, self.shapes, self.count)

    def _statistics(self, place: int) -> dict[str, Tensor]:
        """Running statistics of one network, by the names of its buffers."""
        running = self.networks.statistics.running
        return {
            f"{layer}.{name}": value[place]
            for kind, name in RUNNING.items()
            for layer, value in getattr(running, kind).items()
        }

    def _load_statistics(self, place: int, buffers: dict[str, Tensor]) -> None:
        for name, value in self._statistics(place).items():
            value.copy_(buffers[name])

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs in train mode, (T, outputs, B), of inputs (T, B, ...)."""
        self.batches += 1
        inputs = inputs.expand(self.count, *inputs.shape[1:])
        return self.networks.forward(inputs, momentum=MOMENTUM)[: len(self.runs)]

    @torch.no_grad()
    def step(self, gradient: Tensor, factor: float) -> None:
        """One step of SGD.

        Args:
            gradient: of the networks' losses with respect to their outputs, (T, outputs, B).
            factor: on the learning rates.
        """
        self.networks.backward(gradient.expand(self.count, *gradient.shape[1:]))
        self.velocity.mul_(self.momentum).add_(self.gradient)
        self.velocity.addcmul_(self.decays, self.weights)
        self.weights.addcmul_(self.rates, self.velocity, value=-factor)

    @torch.no_grad()
    def write_back(self, place: int, network: nn.Module) -> None:
        """Give a network its present weights and statistics."""
        views = self._views(self.weights)
        for name, parameter in network.named_parameters():
            parameter.copy_(views[name][place])
        statistics = self._statistics(place)
        for name, value in network.named_buffers():
            if name in statistics:
                value.copy_(statistics[name])
            elif name.endswith(BATCHES_SEEN):
                value.fill_(self._batches_before[place] + self.batches)

    def of(self, places: Sequence[int]) -> Stack:
        """The stack of some of the networks, whose weights have just been written back."""
        selected = Stack(
            self.graph,
            [self.runs[place] for place in places],
            input_shape=self.input_shape,
            batch_size=self.batch_size,
        )
        chosen = list(places) * (selected.count // len(places))
        selected.velocity.copy_(select_members(self.velocity, self.shapes, self.count, chosen))
        return selected

    def state(self, place: int) -> dict[str, Tensor]:
        """One network's tensors of a checkpoint, which the next step changes."""
        tensors: dict[str, Tensor] = {}
        for prefix, vector in (("weight/", self.weights), ("velocity/", self.velocity)):
            views = self._views(vector)
            tensors |= {prefix + name: view[place] for name, view in views.items()}
        statistics = self._statistics(place)
        seen = torch.tensor(self._batches_before[place] + self.batches)
        return tensors | prefixed("statistics/", statistics) | {BATCHES_SEEN: seen}

    @torch.no_grad()
    def load(self, place: int, state: TrainingState) -> None:
        """Go on with one network from a checkpoint."""
        for copy in self._copies(place):
            for prefix, vector in (("weight/", self.weights), ("velocity/", self.velocity)):
                views = self._views(vector)
                for name, value in state.part(prefix).items():
                    views[name][copy].copy_(value)
            self._load_statistics(copy, state.part("statistics/"))
        self._batches_before[place] = int(state.tensors[BATCHES_SEEN]) - self.batches

    def _copies(self, place: int) -> range:
        """The places in the stack of one run's network: all of them if it is alone."""
        return range(place, self.count, len(self.runs))


def _batches_seen(network: nn.Module) -> int:
    """What the batch norms of a network have counted; 0 if it has none."""
    counts = [int(v) for name, v in network.named_buffers() if name.endswith(BATCHES_SEEN)]
    return max(counts, default=0)
