"""Curves that are fitted side by side against curves that are fitted alone, and plainly."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.curves import fit
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curve, fit_curves
from landscape_catalog.metrics.numerics.curves.gradients import one_by_one, side_by_side
from landscape_catalog.metrics.numerics.traced import ways
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from tests.metrics.networks import KNOWN, images, make

TASK = Classification((0.5,), (0.25,))
RECIPE = CurveRecipe(epochs=2, batch_size=10, lr=0.05)


def fitted(
    networks: list[nn.Module], data: Samples, recipe: CurveRecipe = RECIPE
) -> list[np.ndarray]:
    """Curves from each network to the next, together."""
    states = [network.state_dict() for network in networks]
    pairs = list(itertools.pairwise(states))
    return [controls(c) for c in fit_curves(networks[0], pairs, data, TASK, recipe, seed=3)]


def controls(curve: Curve) -> np.ndarray:
    return curve.controls.numpy()


def batching_strategy(network: nn.Module, data: Samples) -> tuple[ways.BatchingStrategy, bool]:
    """How its curves are fitted: by which way, and whether by a program."""
    strategy, graph = fit._chosen_strategy(network.train(), data[:10], TASK, together=True)
    return strategy, graph is not None


def is_side_by_side(networks: list[nn.Module], data: Samples) -> bool:
    strategy, by_program = batching_strategy(networks[0], data)
    return by_program and strategy.together > 1


@pytest.mark.parametrize("kind", KNOWN)
def test_together_is_plain_in_float64(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "SMALL_WORK", 2**30)
    monkeypatch.setattr(ways, "LARGEST_GROUP", 2)
    made = [make(kind, seed) for seed in range(4)]
    networks, data = [network.double() for network, _ in made], made[0][1]
    assert is_side_by_side(networks, data) == KNOWN[kind]
    together = fitted(networks, data)
    monkeypatch.setattr(ways, "SMALL_WORK", 0)
    plain = fitted(networks, data)
    assert not is_side_by_side(networks, data)
    for one, other in zip(together, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
        assert np.abs(one[1] - (one[0] + one[2]) / 2).max() > 1e-3  # it has moved


@pytest.mark.parametrize("control_points", [3, 4])
@pytest.mark.parametrize("kind", ["resnet18", "own", "vgg11 plain"])
def test_a_curve_does_not_depend_on_the_others(
    kind: str, control_points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, whatever stands beside it, and wherever it stands."""
    monkeypatch.setattr(ways, "SMALL_WORK", 2**30)
    recipe = CurveRecipe(control_points=control_points, init="random", epochs=3, batch_size=10)
    made = [make(kind, seed) for seed in range(6)]
    networks, data = [network for network, _ in made], made[0][1]
    together = fitted(networks, data, recipe)
    for i, curve in enumerate(together):
        ends = (networks[i].state_dict(), networks[i + 1].state_dict())
        alone = fit_curve(networks[0], ends, data, TASK, recipe, seed=3)
        np.testing.assert_array_equal(controls(alone), curve)
    np.testing.assert_array_equal(fitted(networks[2:5], data, recipe), together[2:4])


def test_a_curve_that_is_no_number_harms_no_other() -> None:
    made = [make("resnet18", seed) for seed in range(4)]
    networks, data = [network for network, _ in made], made[0][1]
    assert is_side_by_side(networks, data)
    before = fitted(networks, data)
    with torch.no_grad():
        next(networks[3].parameters()).view(-1)[0] = math.nan
    after = fitted(networks, data)
    np.testing.assert_array_equal(after[:2], before[:2])
    assert np.isnan(after[2]).any()


class Stopped(nn.Module):
    """Its first convolution gets no gradient, which its operations do not show."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.linear = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = torch.relu(self.one(x))
        return self.linear(torch.flatten(torch.relu(self.other(y)), 1))


class Faint(nn.Module):
    """A branch that hardly counts, whose first convolution gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)
        self.linear = nn.Linear(144, 3)
        with torch.no_grad():
            self.other.weight.mul_(1e-3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.other(x)
        return self.linear(torch.flatten(torch.relu(self.one(x) + y), 1))


def test_a_faint_gradient_that_is_stopped_is_seen() -> None:
    torch.manual_seed(0)
    network = Faint()
    assert not is_side_by_side([network], images())


@pytest.mark.parametrize("width", [3, 5])
def test_the_way_does_not_depend_on_the_weights(width: int) -> None:
    """Not even where an activation lies on the kink of a ReLU."""
    for seed in range(4):
        network = build(
            "resnet18", width=width, input_shape=(3, 8, 8), n_outputs=5, seed=seed
        )  # fmt: skip
        assert is_side_by_side([network], images(channels=3))


def test_alone_is_plain_where_it_is_asked_for() -> None:
    networks, data = [make("resnet18", seed)[0] for seed in range(2)], images()
    pair = (networks[0].state_dict(), networks[1].state_dict())
    (alone,) = fit_curves(networks[0], [pair], data, TASK, RECIPE, seed=3, together=False)
    assert not np.array_equal(controls(alone), fitted(networks, data)[0])
    np.testing.assert_allclose(controls(alone), fitted(networks, data)[0], atol=1e-3)


def test_a_gradient_that_is_stopped_stays_stopped() -> None:
    torch.manual_seed(0)
    networks: list[nn.Module] = [Stopped() for _ in range(3)]
    assert not is_side_by_side(networks, images())
    for curve, network in zip(fitted(networks, images()), networks):
        first = network.state_dict()["one.weight"].numel()
        decayed = (curve[0] + curve[2])[:first] / 2 - curve[1][:first]
        assert np.abs(decayed).max() < 1e-4  # weight decay alone has moved it


def test_networks_with_frozen_parameters_are_fitted_as_they_are() -> None:
    networks = [make("resnet18", 0)[0] for _ in range(2)]
    for network in networks:
        network.conv1.weight.requires_grad_(False)  # type: ignore[union-attr, operator]
    assert not batching_strategy(networks[0], images())[1]
    assert len(fitted(networks, images())) == 1


def test_wide_networks_are_fitted_with_channels_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same fit up to roundings, which a few steps do not blow up."""
    recipe = CurveRecipe(updates=3, batch_size=10, lr=0.01)
    data = images(channels=3)
    networks = [
        build("resnet18", width=8, input_shape=(3, 8, 8), n_outputs=3, seed=seed) for seed in (0, 1)
    ]
    monkeypatch.setattr(ways, "SMALL_WORK", 0)
    assert batching_strategy(networks[0], data)[0].channels_last
    (lying,) = fitted(networks, data, recipe)
    monkeypatch.setattr(ways, "CHANNELS", 5)
    assert not batching_strategy(networks[0], data)[0].channels_last
    (standing,) = fitted(networks, data, recipe)
    assert not np.array_equal(lying, standing)
    np.testing.assert_allclose(lying, standing, atol=1e-5)


def test_an_end_is_an_end_whatever_lies_between() -> None:
    """A fit that diverged does not reach its ends."""
    inner = [math.nan, math.inf]
    curve = Curve(torch.tensor([[1.0, 2.0], inner, [3.0, 4.0]]), {"w": torch.Size((2,))})
    assert curve.at(0.0)["w"].tolist() == [1, 2]
    assert curve.at(1.0)["w"].tolist() == [3, 4]
    assert curve.at(0.5)["w"].isnan().tolist() == [True, False]
    assert curve.at(0.5)["w"][1] == math.inf


def test_weights_side_by_side_and_apart() -> None:
    shapes = {"weight": torch.Size((2, 2)), "bias": torch.Size((2,))}
    one, other = torch.arange(6.0), torch.arange(6.0) + 10
    joined = side_by_side([one, other], shapes)
    assert joined.tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 4, 5, 14, 15]
    assert [v.tolist() for v in one_by_one(joined, shapes, 2)] == [one.tolist(), other.tolist()]
