"""Stacked networks against the modules themselves with autograd, in float64."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.graphs.operations import TracedGraph, UnsupportedOperationError
from landscape_catalog.graphs.stacked import convolution
from landscape_catalog.graphs.stacked.convolution import Convolution
from landscape_catalog.graphs.stacked.dense import DenseConvolution
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.stacked.vectors import stack_states, stacked_views
from landscape_catalog.graphs.trace import trace_network
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples

COUNT, BATCH = 3, 5
Shape = tuple[int, ...]


class Trunk(nn.Module):
    """Layers, then all features to three outputs."""

    def __init__(self, shape: Shape, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        with torch.no_grad():
            features = self.layers(torch.randn(4, *shape)).flatten(1).shape[1]
        self.linear = nn.Linear(features, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.flatten(self.layers(x), 1))


class Written(nn.Module):
    """The given layers, connected by a function."""

    def __init__(self, connect: Callable[[Written, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.connect = connect
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.connect(self, x)


def conv(inputs: int, outputs: int, size: Any = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, **options)


# Layers of a trunk, by what they are about: the shape of a sample, and the layers.
TRUNKS: dict[str, tuple[Shape, Callable[[], list[nn.Module]]]] = {
    "grouped": ((4, 7, 6), lambda: [conv(4, 6, groups=2, padding=1)]),
    "grouped after padded": (
        (1, 6, 6), lambda: [conv(1, 4), nn.ReLU(), conv(4, 6, groups=2, padding=1)],
    ),
    "depthwise": ((4, 5, 7), lambda: [conv(4, 4, groups=4, padding=1), nn.Tanh(), conv(4, 2, 1)]),
    "depthwise, two outputs each": ((3, 6, 5), lambda: [conv(3, 6, groups=3, dilation=2)]),
    "depthwise of stride 2": (
        (2, 6, 6), lambda: [conv(2, 2, 1), conv(2, 4, groups=2, stride=2, padding=1)],
    ),
    "dilation": ((2, 7, 7), lambda: [conv(2, 3, 1), conv(3, 3, dilation=2, padding=2)]),
    "dilation that differs": (
        (2, 6, 9), lambda: [conv(2, 3, 1), conv(3, 2, dilation=(1, 3), padding=(1, 0))],
    ),
    "stride 2": ((2, 8, 7), lambda: [conv(2, 3, padding=1), nn.ReLU(), conv(3, 4, stride=2)]),
    "stride 3": ((2, 9, 8), lambda: [conv(2, 3, 1), conv(3, 4, stride=3, padding=1)]),
    "stride beyond the kernel": ((2, 9, 10), lambda: [conv(2, 3, 1), conv(3, 4, 2, stride=3)]),
    "stride and padding that differ": (
        (2, 8, 7), lambda: [conv(2, 2, 1), conv(2, 3, stride=(2, 1), padding=(0, 2))],
    ),
    "stride and dilation": (
        (1, 9, 9), lambda: [conv(1, 2, 1), conv(2, 3, stride=2, dilation=2, padding=1)],
    ),
    "padding of one side": ((1, 5, 6), lambda: [conv(1, 2, 1), conv(2, 3, (1, 3), padding=(0, 1))]),
    "an even kernel": ((1, 6, 7), lambda: [conv(1, 2, 1), conv(2, 3, (2, 4), padding=1)]),
    "padding beyond the kernel": ((2, 4, 5), lambda: [conv(2, 2, 1), conv(2, 3, 2, padding=3)]),
    "padding of a single place": ((2, 4, 5), lambda: [conv(2, 2, 1), conv(2, 3, 1, padding=1)]),
    "one place, stride 2": ((2, 5, 6), lambda: [conv(2, 2, 1), conv(2, 3, 1, stride=2)]),
    "5 x 5": ((1, 7, 8), lambda: [conv(1, 2, 5, padding=2), nn.ReLU(), conv(2, 2, 5, padding=1)]),
    "a kernel larger than the image": ((2, 3, 2), lambda: [conv(2, 2, 1), conv(2, 3, 5, padding=2)]),
    "a kernel of the image's size": ((2, 3, 4), lambda: [conv(2, 2, 1), conv(2, 3, (3, 4))]),
    "no bias": ((1, 5, 5), lambda: [conv(1, 2, bias=False), conv(2, 3, 1, bias=False)]),
    "one pixel": ((3, 1, 1), lambda: [conv(3, 2, padding=1), nn.ReLU(), conv(2, 4, padding=1)]),
    "one pixel of four": (
        (2, 2, 2),
        lambda: [conv(2, 3, 1), nn.ReLU(), conv(3, 2, stride=2, padding=1, bias=False)],
    ),
    "one pixel, dilated": (
        (2, 2, 2), lambda: [conv(2, 3, 1), conv(3, 2, dilation=2, padding=2, stride=2)],
    ),
    "one pixel, not all of the image": (
        (2, 5, 1), lambda: [conv(2, 3, 1), conv(3, 2, stride=3, padding=(0, 1))],
    ),
    "one pixel, grouped": (
        (4, 1, 1), lambda: [conv(4, 4, padding=1, groups=2), conv(4, 4, padding=1, groups=4)],
    ),
    "5 x 5 of four pixels": (
        (1, 2, 2), lambda: [conv(1, 2, padding=1), nn.ReLU(), conv(2, 3, 5, padding=2, stride=2)],
    ),
    "batch norm": (
        (1, 6, 6), lambda: [conv(1, 3), nn.BatchNorm2d(3), nn.ReLU(), conv(3, 2), nn.BatchNorm2d(2)],
    ),
    "batch norm of the inputs": ((2, 4, 4), lambda: [nn.BatchNorm2d(2), conv(2, 3, padding=1)]),
    "batch norm with another epsilon": (
        (1, 4, 4), lambda: [conv(1, 2), nn.BatchNorm2d(2, eps=0.1)],
    ),
    "batch norm of one pixel": ((1, 3, 3), lambda: [conv(1, 4), nn.BatchNorm2d(4), nn.Tanh()]),
    "batch norm after a linear layer": (
        (2, 3, 3), lambda: [nn.Flatten(), nn.Linear(18, 6), nn.BatchNorm1d(6), nn.ReLU()],
    ),
    "linear layers of vectors": (
        (7,), lambda: [nn.Linear(7, 5, bias=False), nn.GELU(), nn.Linear(5, 3), nn.Sigmoid()],
    ),
    "max-pool": (
        (2, 8, 8), lambda: [conv(2, 3, padding=1), nn.MaxPool2d(2), conv(3, 2, padding=1)],
    ),
    "overlapping max-pool": ((1, 7, 8), lambda: [conv(1, 2), nn.MaxPool2d(3, 2, padding=1)]),
    "max-pool, rounded up": ((1, 7, 8), lambda: [conv(1, 2), nn.MaxPool2d(2, ceil_mode=True)]),
    "average pool": (
        (2, 8, 6), lambda: [nn.AvgPool2d(3, 2, padding=1), conv(2, 3, padding=1), nn.AvgPool2d(2)],
    ),
    "adaptive pool": ((2, 6, 7), lambda: [conv(2, 3), nn.AdaptiveAvgPool2d((2, 3))]),
    "adaptive pool to one pixel": ((2, 6, 7), lambda: [conv(2, 3), nn.AdaptiveAvgPool2d(1)]),
    "smooth activations": (
        (1, 6, 6),
        lambda: [
            conv(1, 2), nn.GELU(), conv(2, 2, padding=1), nn.Tanh(), conv(2, 2, 1), nn.SiLU(),
            conv(2, 3, padding=1), nn.ELU(0.7), conv(3, 2, padding=1), nn.Softplus(2),
        ],
    ),
    "kinked activations": (
        (1, 6, 6),
        lambda: [
            conv(1, 2), nn.LeakyReLU(0.3), conv(2, 2, padding=1), nn.ReLU6(), conv(2, 2, 1),
            nn.Hardtanh(-0.5, 0.4), nn.GELU(approximate="tanh"),
        ],
    ),
    "activations in place": (
        (1, 6, 6),
        lambda: [
            conv(1, 3), nn.ReLU(inplace=True), conv(3, 2, padding=1), nn.LeakyReLU(0.2, inplace=True),
        ],
    ),
    "an activation of the inputs in place": (
        (1, 4, 4), lambda: [nn.LeakyReLU(0.2, inplace=True), conv(1, 2)],
    ),
    "eight channels": (
        (8, 5, 5), lambda: [conv(8, 8, padding=1), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8, 1)],
    ),
}  # fmt: skip


def thrice(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    y = torch.tanh(y) + self.second(y) + y
    return self.last(torch.flatten(y, 1))


def by_two_paddings(self: Written, x: Tensor) -> Tensor:
    y = torch.relu(self.first(x))
    z = self.padded(y).mean(dim=(2, 3)) + self.unpadded(y).mean(dim=(-1, -2))
    return self.last(z + self.other(y).mean(dim=(2, 3)))


def to_one_pixel_and_to_four(self: Written, x: Tensor) -> Tensor:
    y = torch.relu(self.first(x))
    return self.last(torch.flatten(self.dense(y) + self.padded(y).mean((2, 3), True), 1))


def after_relu_in_place(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    z = F.relu(y, inplace=True)
    return self.last(torch.flatten(self.second(z) + y, 1))


def residual(self: Written, x: Tensor) -> Tensor:
    y = self.norm(torch.add(self.first(x), x))
    y = F.relu(y + self.second(F.relu(y)))
    return self.last(F.max_pool2d(y, 2).mean((2, 3), keepdim=True).flatten(1))


def doubled(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    return self.last(torch.flatten((y + y) + (y + x), start_dim=1))


def ends_in_a_sum(self: Written, x: Tensor) -> Tensor:
    y = self.first(torch.flatten(x, 1))
    return self.norm(self.last(torch.tanh(y))) + y


def inputs_of_everything(self: Written, x: Tensor) -> Tensor:
    y = self.first(x) + F.avg_pool2d(x, 3, 1, 1) + torch.relu(x)
    return self.last(torch.flatten(y, 1)) + self.other(torch.flatten(x, 1))


# Networks with branches: the shape of a sample, the function and the layers.
BRANCHES: dict[str, tuple[Shape, Callable[[], nn.Module]]] = {
    "a value taken three times": (
        (1, 5, 5),
        lambda: Written(
            thrice, first=conv(1, 2), second=conv(2, 2, padding=1), last=nn.Linear(18, 3)
        ),
    ),
    "a value taken with two paddings and without": (
        (1, 6, 6),
        lambda: Written(
            by_two_paddings, first=conv(1, 2, padding=1), padded=conv(2, 4, padding=1),
            unpadded=conv(2, 4), other=conv(2, 4, 5, padding=2), last=nn.Linear(4, 3),
        ),
    ),
    "a padded value taken by a convolution to one pixel": (
        (1, 2, 2),
        lambda: Written(
            to_one_pixel_and_to_four, first=conv(1, 2, 1), padded=conv(2, 3, padding=1),
            dense=conv(2, 3, padding=1, stride=2), last=nn.Linear(3, 3),
        ),
    ),
    "a value taken after it was changed in place": (
        (1, 5, 5),
        lambda: Written(
            after_relu_in_place, first=conv(1, 2), second=conv(2, 2, padding=1),
            last=nn.Linear(18, 3),
        ),
    ),
    "batch norm after a sum": (
        (2, 6, 6),
        lambda: Written(
            residual, first=conv(2, 2, padding=1), norm=nn.BatchNorm2d(2),
            second=conv(2, 2, padding=1), last=nn.Linear(2, 3),
        ),
    ),
    "a value added to itself": (
        (2, 4, 4),
        lambda: Written(doubled, first=conv(2, 2, padding=1), last=nn.Linear(32, 3)),
    ),
    "a sum of batch norm at the end": (
        (1, 3, 3),
        lambda: Written(
            ends_in_a_sum, first=nn.Linear(9, 3), last=nn.Linear(3, 3), norm=nn.BatchNorm1d(3)
        ),
    ),
    "inputs taken four times": (
        (1, 4, 4),
        lambda: Written(
            inputs_of_everything, first=conv(1, 1, padding=1), last=nn.Linear(16, 3),
            other=nn.Linear(16, 3),
        ),
    ),
}  # fmt: skip

SMALL: dict[str, tuple[Shape, Callable[[], nn.Module]]] = BRANCHES | {
    name: (shape, lambda shape=shape, layers=layers: Trunk(shape, *layers()))  # type: ignore[misc]
    for name, (shape, layers) in TRUNKS.items()
}


def networks_of(make: Callable[[], nn.Module], count: int = COUNT) -> list[nn.Module]:
    """Different networks of one architecture, in float64, with different batch norms too."""
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        network = make().double().train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.reset_running_stats()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) / 8)
        made.append(network)
    return made


def traced(network: nn.Module, shape: Shape) -> TracedGraph:
    samples = Samples(torch.randn(4, *shape), torch.zeros(4, dtype=torch.int64))
    graph = trace_network(copy.deepcopy(network), samples, Classification())
    assert graph is not None
    return graph


class Stacked:
    """Stacked networks with the weights of some modules, and their gradients."""

    def __init__(self, networks: list[nn.Module], shape: Shape) -> None:
        self.shapes = {name: value.shape for name, value in networks[0].named_parameters()}
        states = [{n: p.detach() for n, p in network.named_parameters()} for network in networks]
        self.weights = stack_states(states, self.shapes)
        self.gradient = torch.zeros_like(self.weights)
        self.networks = StackedNetworks(
            traced(networks[0], shape),
            stacked_views(self.weights, self.shapes, len(networks)),
            input_shape=shape,
            batch_size=BATCH,
            gradients=stacked_views(self.gradient, self.shapes, len(networks)),
        )

    def gradients(self) -> dict[str, Tensor]:
        return stacked_views(self.gradient, self.shapes, COUNT)


def assert_equal_to_autograd(
    networks: list[nn.Module], shape: Shape, *, shared: bool
) -> StackedNetworks:
    """Two steps, with gradients that have been changed in place in between."""
    stacked = Stacked(networks, shape)
    generator = torch.Generator().manual_seed(5)
    for _ in range(2):
        inputs = torch.randn(
            1 if shared else COUNT, BATCH, *shape, dtype=torch.float64, generator=generator
        )
        outputs = stacked.networks.forward(inputs, momentum=0.1).clone()
        slopes = torch.randn(outputs.shape, dtype=torch.float64, generator=generator)
        stacked.networks.backward(slopes)
        for t, network in enumerate(networks):
            network.zero_grad()
            expected = network(inputs[0 if shared else t].clone())
            expected.backward(slopes[t].T)
            assert_close(outputs[t].T, expected.detach())
            for name, parameter in network.named_parameters():
                assert parameter.grad is not None
                assert_close(stacked.gradients()[name][t], parameter.grad)
            buffers = dict(network.named_buffers())
            running = stacked.networks.statistics.running
            for layer in running.means:
                assert_close(running.means[layer][t], buffers[f"{layer}.running_mean"])
                assert_close(running.variances[layer][t], buffers[f"{layer}.running_var"])
        stacked.gradient.add_(1.0)  # as weight decay does
    return stacked.networks


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


def by_row(networks: StackedNetworks) -> set[bool]:
    """How the convolutions are computed that could be computed row by row."""
    convs = [layer for layer in networks.layers if isinstance(layer, Convolution)]
    return {conv.kernels.by_row for conv in convs if convolution._flips(conv.window)}


@pytest.mark.parametrize(("limit", "shared"), [(0, False), (2**13, False), (2**13, True)])
@pytest.mark.parametrize("name", SMALL)
def test_small_networks(
    name: str, limit: int, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With convolutions row by row (from 0 elements on), and with all patches in one matrix."""
    monkeypatch.setattr(convolution, "BY_ROW", limit)
    shape, make = SMALL[name]
    stacked = assert_equal_to_autograd(networks_of(make), shape, shared=shared)
    assert limit == 0 or by_row(stacked) <= {False}


def test_small_networks_cover_every_kind_of_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for limit in (0, 2**30):
        monkeypatch.setattr(convolution, "BY_ROW", limit)
        for shape, make in SMALL.values():
            for layer in Stacked(networks_of(make), shape).networks.layers:
                if isinstance(layer, DenseConvolution):
                    found.add("dense")
                elif isinstance(layer, Convolution):
                    back = getattr(layer, "transposed", None)
                    rows = "by row" if layer.kernels.by_row else "patches"
                    found.add(f"{rows}, {type(back).__name__}")
                    found.add("padded source" if layer.sources[0].padding[0][0] else "plain source")
    assert found == {
        "dense", "by row, _FlippedConvolution", "by row, NoneType", "patches, _FlippedConvolution",
        "patches, _SumOfPatches", "patches, NoneType", "padded source", "plain source",
    }  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (7, 7), (9, 5), (16, 16), (32, 32)], ids=str)
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_resnet18(width: int, size: tuple[int, int], channels: int) -> None:
    shape = (channels, *size)
    networks = networks_of(
        lambda: build("resnet18", width=width, input_shape=shape, n_outputs=4, seed=0)
    )
    assert_equal_to_autograd(networks, shape, shared=channels == 3)


@pytest.mark.parametrize("size", [(32, 32), (32, 48)], ids=str)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("width", [1, 3])
def test_vgg11(width: int, batch_norm: bool, size: tuple[int, int]) -> None:
    shape, args = (3, *size), {"batch_norm": batch_norm}
    networks = networks_of(
        lambda: build("vgg11", width=width, input_shape=shape, n_outputs=4, seed=0, args=args)
    )
    assert_equal_to_autograd(networks, shape, shared=False)


def test_large_images_are_convolved_row_by_row() -> None:
    """Both kinds occur within one network, by the rule on the sizes."""
    for width, size, expected in ((1, 8, {False}), (8, 32, {True, False}), (3, 32, {True, False})):
        shape = (1, size, size)
        network = build("resnet18", width=width, input_shape=shape, n_outputs=4, seed=0)
        assert by_row(Stacked([network.double()] * COUNT, shape).networks) == expected


def pinned(name: str) -> tuple[Stacked, Shape]:
    shape, make = SMALL[name]
    return Stacked(networks_of(make), shape), shape


EVERYTHING = [*BRANCHES, "activations in place", "one pixel of four", "max-pool", "grouped"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_step_leaves_nothing_behind(name: str) -> None:
    """A step is repeated to the bit after another one, also after a forward pass on its own."""
    stacked, shape = pinned(name)
    inputs = torch.randn(2, COUNT, BATCH, *shape, dtype=torch.float64)
    slopes = torch.randn(2, COUNT, 3, BATCH, dtype=torch.float64)
    found = []
    for i in (0, 1, 0):
        outputs = stacked.networks.forward(inputs[i]).clone()
        stacked.networks.backward(slopes[i])
        found.append([outputs, *(value.clone() for value in stacked.gradients().values())])
        stacked.networks.forward(inputs[1])
        stacked.gradient.fill_(7.0)
    first, other, again = found
    assert all(map(torch.equal, first, again))
    assert not any(map(torch.equal, first, other))


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_the_caller_passes_is_not_changed(name: str) -> None:
    stacked, shape = pinned(name)
    inputs = torch.randn(COUNT, BATCH, *shape, dtype=torch.float64)
    slopes = torch.randn(COUNT, 3, BATCH, dtype=torch.float64)
    kept = [value.clone() for value in (inputs, slopes, stacked.weights)]
    stacked.networks.forward(inputs)
    stacked.networks.backward(slopes)
    assert all(map(torch.equal, kept, (inputs, slopes, stacked.weights)))


@pytest.mark.parametrize("name", EVERYTHING)
def test_strides_of_inputs_and_gradients_make_no_difference(name: str) -> None:
    stacked, shape = pinned(name)
    inputs = torch.randn(COUNT, BATCH, *shape, dtype=torch.float64)
    slopes = torch.randn(COUNT, 3, BATCH, dtype=torch.float64)
    expected = stacked.networks.forward(inputs).clone()
    stacked.networks.backward(slopes)
    gradient = stacked.gradient.clone()
    strided = torch.randn(*reversed(shape), BATCH, 2, COUNT, dtype=torch.float64)[..., 0, :].mT
    strided = strided.permute(*range(strided.ndim - 2, strided.ndim), *reversed(range(len(shape))))
    strided.copy_(inputs)
    assert not strided.is_contiguous()
    assert torch.equal(stacked.networks.forward(strided), expected)
    stacked.networks.backward(slopes.permute(2, 1, 0).contiguous().permute(2, 1, 0))
    assert torch.equal(stacked.gradient, gradient)


def test_statistics_are_updated_only_on_request() -> None:
    stacked, shape = pinned("batch norm")
    running = stacked.networks.statistics.running
    inputs = torch.randn(COUNT, BATCH, *shape, dtype=torch.float64)
    stacked.networks.forward(inputs)
    assert all((mean == 0).all() for mean in running.means.values())
    assert all((variance == 1).all() for variance in running.variances.values())
    stacked.networks.forward(inputs, momentum=1.0)
    whole = {layer: mean.clone() for layer, mean in running.means.items()}
    stacked.networks.statistics.load(
        type(running)(*({n: v + 1 for n, v in kind.items()} for kind in (whole, running.variances)))
    )
    stacked.networks.forward(inputs, momentum=0.25)
    for layer, mean in running.means.items():
        assert_close(mean, whole[layer] + 0.75)


@pytest.mark.parametrize("name", ["batch norm", "a value taken three times", "max-pool", "5 x 5"])
def test_values_are_the_same_without_gradients(name: str) -> None:
    stacked, shape = pinned(name)
    inputs = torch.randn(COUNT, BATCH, *shape, dtype=torch.float64)
    values = StackedNetworks(
        traced(networks_of(SMALL[name][1])[0], shape),
        stacked_views(stacked.weights, stacked.shapes, COUNT),
        input_shape=shape,
        batch_size=BATCH,
    )
    assert torch.equal(values.forward(inputs), stacked.networks.forward(inputs))


@pytest.mark.parametrize("name", SMALL)
def test_bits_do_not_depend_on_other_networks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor on the number of networks and their order, for batches of a multiple of 8."""
    monkeypatch.setattr(sys.modules[__name__], "BATCH", 8)
    shape, make = SMALL[name]
    networks = [network.float() for network in networks_of(make, 7)]
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(7, 8, *shape, generator=generator)
    slopes = torch.randn(7, 3, 8, generator=generator)

    def step(places: list[int]) -> list[Tensor]:
        stacked = Stacked([networks[place] for place in places], shape)
        outputs = stacked.networks.forward(inputs[places], momentum=0.1).clone()
        stacked.networks.backward(slopes[places])
        running = stacked.networks.statistics.running
        statistics = [*running.means.values(), *running.variances.values()]
        gradients = stacked_views(stacked.gradient, stacked.shapes, len(places)).values()
        return [outputs, *gradients, *statistics]

    expected = step(list(range(7)))
    for places in ([0, 1], [6, 3], [2, 5, 4], [1, 0, 3, 6]):
        for found, whole in zip(step(places), expected, strict=True):
            assert torch.equal(found, whole[places])


def test_one_diverged_network_leaves_the_others_alone() -> None:
    stacked, shape = pinned("batch norm")
    inputs = torch.randn(COUNT, BATCH, *shape, dtype=torch.float64)
    slopes = torch.randn(COUNT, 3, BATCH, dtype=torch.float64)

    def step() -> list[Tensor]:
        outputs = stacked.networks.forward(inputs, momentum=1.0).clone()
        stacked.networks.backward(slopes)
        running = stacked.networks.statistics.running
        values = [outputs, *stacked.gradients().values(), *running.means.values()]
        return [value.clone() for value in values]

    before = step()
    stacked_views(stacked.weights, stacked.shapes, COUNT)["layers.0.weight"][1] = torch.nan
    after = step()
    for one, other in zip(before, after):
        assert torch.equal(one[[0, 2]], other[[0, 2]])
    assert after[0][1].isnan().all()


def repeated(self: Written, x: Tensor) -> Tensor:
    return self.last(torch.flatten(self.first(torch.tanh(self.first(x))), 1))


def with_a_dead_end(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    torch.tanh(y)
    return self.last(torch.flatten(y, 1))


def without_other(self: Written, x: Tensor) -> Tensor:
    return self.last(torch.flatten(self.first(x), 1))


@pytest.mark.parametrize(
    ("connect", "layers"),
    [
        (repeated, {"first": conv(1, 1, padding=1)}),
        (with_a_dead_end, {"first": conv(1, 1, padding=1)}),
        (without_other, {"first": conv(1, 1, padding=1), "other": conv(1, 1)}),
        (without_other, {"first": conv(1, 1, padding="same")}),
    ],
    ids=["parameter used twice", "unused value", "unused parameter", "padding by name"],
)
def test_networks_that_are_refused(
    connect: Callable[[Written, Tensor], Tensor], layers: dict[str, nn.Module]
) -> None:
    network = Written(connect, **layers, last=nn.Linear(16, 3))
    with pytest.raises(UnsupportedOperationError):
        Stacked([network.double()] * COUNT, (1, 4, 4))
