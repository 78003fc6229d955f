"""Stacked networks against the modules themselves with autograd, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landscape_catalog.graphs.stacked import convolution
from landscape_catalog.graphs.stacked.convolution import Convolution
from landscape_catalog.graphs.stacked.dense import DenseConvolution
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.models.build import build
from tests.graphs.networks import COUNT, SMALL, Shape, networks_of
from tests.graphs.stacks import BATCH, Stacked, assert_close


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
