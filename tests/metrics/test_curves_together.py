"""Curves fitted as a stack, against curves fitted one by one and by the network itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.graphs import batching
from landscape_catalog.metrics.numerics.curves import fit
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.fit import fit_curve, fit_curves
from landscape_catalog.metrics.numerics.curves.gradients import stack_vectors, unstack_vector
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from tests.metrics.networks import TRACEABLE, images, make

TASK = Classification((0.5,), (0.25,))
RECIPE = CurveRecipe(epochs=2, batch_size=8, lr=0.05)


def fitted(
    networks: list[nn.Module],
    data: Samples,
    recipe: CurveRecipe = RECIPE,
    *,
    together: bool = True,
) -> list[np.ndarray]:
    """Curves from each network to the next, fitted in one call."""
    states = [network.state_dict() for network in networks]
    pairs = list(itertools.pairwise(states))
    curves = fit_curves(networks[0], pairs, data, TASK, recipe, seed=3, together=together)
    return [controls(curve) for curve in curves]


def controls(curve: Curve) -> np.ndarray:
    return curve.controls.numpy()


def can_be_stacked(network: nn.Module, data: Samples) -> bool:
    try:
        fit._stackable_graph(network.train(), data[:8], TASK)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", TRACEABLE)
def test_stacked_fits_equal_the_network_in_float64(kind: str) -> None:
    made = [make(kind, seed) for seed in range(4)]
    networks, data = [network.double() for network, _ in made], made[0][1]
    direct = fitted(networks, data, together=False)
    if not TRACEABLE[kind]:
        with pytest.raises(ValueError, match="side by side"):
            fitted(networks, data)
        return
    for one, other in zip(fitted(networks, data), direct, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
        assert np.abs(one[1] - (one[0] + one[2]) / 2).max() > 1e-3  # it has moved


@pytest.mark.parametrize("control_points", [3, 4])
@pytest.mark.parametrize("kind", ["resnet18", "traceable", "vgg11 plain"])
def test_a_curve_does_not_depend_on_curves_fitted_with_it(kind: str, control_points: int) -> None:
    """It is bit-identical whatever else is in its stack and at whichever position."""
    recipe = CurveRecipe(control_points=control_points, init="random", epochs=3, batch_size=8)
    made = [make(kind, seed) for seed in range(6)]
    networks, data = [network for network, _ in made], made[0][1]
    together = fitted(networks, data, recipe)
    for i, curve in enumerate(together):
        (alone,) = fitted(networks[i : i + 2], data, recipe)
        np.testing.assert_array_equal(alone, curve)
    np.testing.assert_array_equal(fitted(networks[2:5], data, recipe), together[2:4])


def test_a_nan_in_one_curve_does_not_spread_to_others() -> None:
    made = [make("resnet18", seed) for seed in range(4)]
    networks, data = [network for network, _ in made], made[0][1]
    before = fitted(networks, data)
    with torch.no_grad():
        next(networks[3].parameters()).view(-1)[0] = math.nan
    after = fitted(networks, data)
    np.testing.assert_array_equal(after[:2], before[:2])
    assert np.isnan(after[2]).any()


class Stopped(nn.Module):
    """Its first convolution gets no gradient, which a traced forward pass does not reveal."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.linear = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = torch.relu(self.one(x))
        return self.linear(torch.flatten(torch.relu(self.other(y)), 1))


class Faint(nn.Module):
    """Has a branch with tiny weights whose convolution gets no gradient."""

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


def test_a_small_stopped_gradient_is_detected() -> None:
    torch.manual_seed(0)
    network = Faint()
    assert not can_be_stacked(network, images())


@pytest.mark.parametrize("width", [3, 5])
def test_whether_curves_can_be_stacked_does_not_depend_on_the_weights(width: int) -> None:
    """Not even if an activation lies on the kink of a ReLU."""
    for seed in range(4):
        network = build(
            "resnet18", width=width, input_shape=(3, 8, 8), n_outputs=5, seed=seed
        )  # fmt: skip
        assert can_be_stacked(network, images(channels=3))


def test_curves_are_fitted_one_by_one_unless_asked_for() -> None:
    networks, data = [make("resnet18", seed)[0] for seed in range(2)], images()
    ends = (networks[0].state_dict(), networks[1].state_dict())
    alone = controls(fit_curve(networks[0], ends, data, TASK, RECIPE, seed=3))
    np.testing.assert_array_equal(alone, fitted(networks, data, together=False)[0])
    assert not np.array_equal(alone, fitted(networks, data)[0])
    np.testing.assert_allclose(alone, fitted(networks, data)[0], atol=1e-3)


def test_a_stopped_gradient_stays_stopped() -> None:
    torch.manual_seed(0)
    networks: list[nn.Module] = [Stopped() for _ in range(3)]
    assert not can_be_stacked(networks[0], images())
    for curve, network in zip(fitted(networks, images(), together=False), networks):
        first = network.state_dict()["one.weight"].numel()
        decayed = (curve[0] + curve[2])[:first] / 2 - curve[1][:first]
        assert np.abs(decayed).max() < 1e-4  # only weight decay has moved it


def test_networks_with_frozen_parameters_are_not_stacked() -> None:
    networks = [make("resnet18", 0)[0] for _ in range(2)]
    for network in networks:
        network.conv1.weight.requires_grad_(False)  # type: ignore[union-attr, operator]
    assert not can_be_stacked(networks[0], images())
    assert len(fitted(networks, images(), together=False)) == 1


def test_wide_networks_are_fitted_with_channels_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit is the same up to rounding, over few enough steps that differences stay small."""
    recipe = CurveRecipe(updates=3, batch_size=8, lr=0.01)
    data = images(channels=3)
    networks = [
        build("resnet18", width=8, input_shape=(3, 8, 8), n_outputs=3, seed=seed) for seed in (0, 1)
    ]
    monkeypatch.setattr(batching, "SMALL_VALUE", 0)
    assert fit._memory_format(networks[0].train(), data[:8], TASK).channels_last
    (channels_last,) = fitted(networks, data, recipe, together=False)
    monkeypatch.setattr(batching, "CHANNEL_MULTIPLE", 5)
    assert not fit._memory_format(networks[0].train(), data[:8], TASK).channels_last
    (channels_first,) = fitted(networks, data, recipe, together=False)
    assert not np.array_equal(channels_last, channels_first)
    np.testing.assert_allclose(channels_last, channels_first, atol=1e-5)


def test_a_diverged_control_point_does_not_affect_the_endpoints() -> None:
    """Zero-weight control points are skipped, so a NaN there cannot propagate."""
    inner = [math.nan, math.inf]
    curve = Curve(torch.tensor([[1.0, 2.0], inner, [3.0, 4.0]]), {"w": torch.Size((2,))})
    assert curve.at(0.0)["w"].tolist() == [1, 2]
    assert curve.at(1.0)["w"].tolist() == [3, 4]
    assert curve.at(0.5)["w"].isnan().tolist() == [True, False]
    assert curve.at(0.5)["w"][1] == math.inf


def test_stacking_weight_vectors_and_back() -> None:
    """Each parameter's block is padded with zeros to a multiple of sixteen elements."""
    shapes = {"weight": torch.Size((2, 2)), "bias": torch.Size((2,))}
    one, other = torch.arange(6.0), torch.arange(6.0) + 10
    stacked = stack_vectors([one, other], shapes)
    assert stacked[:8].tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    assert stacked[16:20].tolist() == [4, 5, 14, 15]
    assert len(stacked) == 32
    assert not stacked[8:16].any()
    assert not stacked[20:].any()
    assert [v.tolist() for v in unstack_vector(stacked, shapes, 2)] == [
        one.tolist(),
        other.tolist(),
    ]
