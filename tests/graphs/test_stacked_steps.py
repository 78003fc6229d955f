"""What a step of stacked networks depends on, and what it changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.graphs.operations import UnsupportedOperationError
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.stacked.vectors import stacked_views
from tests.graphs.networks import BRANCHES, COUNT, SMALL, Shape, Written, conv, networks_of
from tests.graphs.stacks import BATCH, Stacked, assert_close, traced


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
def test_bits_do_not_depend_on_other_networks(name: str) -> None:
    """Nor on the number of networks and their order, for batches of a multiple of 8."""
    shape, make = SMALL[name]
    networks = [network.float() for network in networks_of(make, 7)]
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(7, 8, *shape, generator=generator)
    slopes = torch.randn(7, 3, 8, generator=generator)

    def step(places: list[int]) -> list[Tensor]:
        stacked = Stacked([networks[place] for place in places], shape, 8)
        outputs = stacked.networks.forward(inputs[places], momentum=0.1).clone()
        stacked.networks.backward(slopes[places])
        running = stacked.networks.statistics.running
        statistics = [*running.means.values(), *running.variances.values()]
        gradients = stacked.gradients().values()
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
