"""Counted multiply-adds against exact arithmetic and closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from custom.convection import Convection
from custom.convection import network as convection_network
from landscape_catalog.metrics.numerics.flops import MultiplyAdds, count_multiply_adds
from landscape_catalog.models.build import build
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.tasks import Classification, Samples, Translation

TASK = Classification((0.5,), (0.25,))


def images(channels: int, height: int, width: int, n: int = 5) -> Samples:
    pixels = torch.zeros(n, channels, height, width, dtype=torch.uint8)
    return Samples(pixels, torch.zeros(n, dtype=torch.int64))


@pytest.mark.parametrize("width", [1, 2, 8])
@pytest.mark.parametrize(
    ("name", "shape", "args"),
    [
        ("resnet18", (1, 8, 8), {}),
        ("resnet18", (3, 32, 32), {}),
        ("resnet18", (3, 9, 17), {}),
        ("vgg11", (3, 32, 32), {}),
        ("vgg11", (1, 33, 50), {"batch_norm": False}),
    ],
)
def test_image_networks_against_exact_arithmetic(
    name: str, shape: tuple[int, int, int], args: dict[str, Any], width: int
) -> None:
    exact = multiply_adds(name, width=width, input_shape=shape, n_outputs=7, args=args)
    network = build(name, width=width, input_shape=shape, n_outputs=7, args=args)
    assert count_multiply_adds(network, images(*shape), TASK) == MultiplyAdds(exact)


@pytest.mark.parametrize(("source", "target"), [(4, 6), (9, 3)])
@pytest.mark.parametrize("args", [{"n_layers": 1, "n_heads": 2}, {"n_layers": 3, "n_heads": 4}])
def test_a_transformer_against_exact_arithmetic(
    source: int, target: int, args: dict[str, Any]
) -> None:
    """Sentences without padding; the decoder reads all target tokens except the last."""
    network = build("transformer", width=8, input_shape=(), n_outputs=50, args=args)
    sentences = Samples(torch.full((3, source), 4), torch.full((3, target + 1), 5))
    exact = multiply_adds(
        "transformer", width=8, input_shape=(), n_outputs=50, args=args, lengths=(source, target)
    )
    assert count_multiply_adds(network, sentences, Translation()) == MultiplyAdds(exact)


def test_a_linear_layer_in_closed_form() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))
    assert count_multiply_adds(network, images(1, 3, 4), TASK).count == 12 * 5 + 5 * 3
    assert count_multiply_adds(network, images(1, 3, 4, n=1), TASK).count == 12 * 5 + 5 * 3


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:FutureWarning")  # torch's own, in jvp
def test_a_task_that_differentiates_its_network() -> None:
    """Convection calls the network three times, and once with its forward-mode derivative.

    The derivative counts as one or two further passes, since torch may also multiply by the
    weights' zero tangent.
    """
    samples = Samples(torch.rand(4, 2, dtype=torch.float64), torch.rand(4, dtype=torch.float64))
    network = convection_network(8, (2,), 1, depth=3)
    once = 2 * 8 + 2 * 8 * 8 + 8
    found = count_multiply_adds(network, samples, Convection(3.0))
    assert found.count in (5 * once, 6 * once)


class Branching(nn.Module):
    """Its work depends on a value, so it cannot run on meta tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.linear(x))
        return self.linear(x + torch.rand(())) if bool((x == x).all()) else x


def test_a_network_that_reads_values_runs_on_the_cpu() -> None:
    network = Branching()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    samples = Samples(torch.rand(3, 4), torch.zeros(3, dtype=torch.int64))
    random_state = torch.get_rng_state()
    assert count_multiply_adds(network, samples, Classification()) == MultiplyAdds(2 * 4 * 4)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training


def test_a_network_that_cannot_run_gives_a_reason() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(11, 5))
    found = count_multiply_adds(network, images(1, 3, 4), TASK)
    assert found.count is None
    assert "mat1 and mat2 shapes cannot be multiplied (2x12 and 11x5)" in found.reason
