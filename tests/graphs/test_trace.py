"""Which networks can be traced."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.graphs import batching
from landscape_catalog.graphs.trace import trace_network
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples, Translation
from tests.metrics.networks import TRACEABLE, ByWeight, Counting, images, make

TASK = Classification((0.5,), (0.25,))


@pytest.mark.parametrize("kind", TRACEABLE)
def test_supported_networks_are_traced_in_train_mode(kind: str) -> None:
    network, data = make(kind, 0)
    assert (trace_network(network.train(), data, TASK) is not None) == TRACEABLE[kind]


class Branch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Scaled(Classification):
    """A task that changes the network's output."""

    def outputs(self, network, samples, dtype):  # type: ignore[no-untyped-def]
        return 2 * super().outputs(network, samples, dtype)


def test_networks_that_cannot_be_traced() -> None:
    data = images()
    hooked = make("resnet18", 0)[0]
    hooked.register_forward_hook(lambda module, inputs, output: output * 2)
    assert trace_network(hooked, data, TASK) is None
    frozen = make("resnet18", 0)[0].train()
    frozen.bn1.eval()  # type: ignore[union-attr, operator]
    assert trace_network(frozen, data, TASK) is None
    branching = nn.Sequential(Branch(), make("resnet18", 0)[0])
    assert trace_network(branching, data, TASK) is None
    scaled = Scaled((0.5,), (0.25,))
    assert trace_network(make("resnet18", 0)[0], data, scaled) is None
    assert trace_network(make("resnet18", 0)[0], data[:1], TASK) is None


def test_a_transformer_is_not_traced() -> None:
    sentences = Samples(torch.tensor([[4, 5, 2], [5, 2, 0]]), torch.tensor([[1, 7, 2], [1, 2, 0]]))
    args = {"n_layers": 1, "n_heads": 2}
    network = build("transformer", width=4, input_shape=(), n_outputs=10, args=args, seed=0)
    assert trace_network(network, sentences, Translation()) is None


class Sometimes(Counting):
    """Chooses its activation at random."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        y = torch.relu(y) if float(torch.rand(())) < 0.5 else torch.tanh(y)
        return self.linear(torch.flatten(y, 1))


@pytest.mark.parametrize("kind", [Sometimes, ByWeight])
def test_random_or_weight_dependent_behaviour_is_not_traced(kind: type[nn.Module]) -> None:
    network = kind()
    before = torch.get_rng_state()
    assert trace_network(network, images(), TASK) is None
    assert torch.equal(before, torch.get_rng_state())


class Shifted(Classification):
    """Scales inputs by their batch's mean."""

    def inputs(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        return images.to(dtype) / images.to(dtype).mean()


def test_dependence_on_the_batch_is_detected() -> None:
    network = make("resnet18", 0)[0]
    assert batching.stable_graph(network, images(), TASK, 10) is not None
    assert batching.stable_graph(network, images(), Shifted(), 10) is None
    assert batching.stable_graph(Counting().train(), images(), TASK, 10) is None


class _Draws(nn.Module):
    """Draws from a global generator without using the number."""

    def __init__(self, draw: Callable[[], object]) -> None:
        super().__init__()
        self.linear, self.draw = nn.Linear(4, 2), draw

    def forward(self, inputs: Tensor) -> Tensor:
        self.draw()
        return self.linear(inputs)


@pytest.mark.parametrize(
    "draw",
    [random.random, np.random.random, lambda: torch.rand(1)],
    ids=["python", "numpy", "torch"],
)
def test_draws_of_the_network_are_told_from_those_of_other_threads(
    draw: Callable[[], object],
) -> None:
    samples, task = Samples(torch.randn(4, 4), torch.arange(4) % 2), Classification()
    assert trace_network(_Draws(draw), samples, task) is None
    if draw.__name__ == "<lambda>":
        return
    left = iter(range(2))  # another thread draws during the first two passes only

    def sometimes() -> None:
        if next(left, None) is not None:
            thread = threading.Thread(target=draw)
            thread.start()
            thread.join()

    assert trace_network(_Draws(sometimes), samples, task) is not None
