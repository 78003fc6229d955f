"""Curves between networks: their ends, their gradient, their batch-norm statistics."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.metrics import (
    Curve,
    CurveRecipe,
    coefficients,
    curve_points,
    evaluate,
    fit_curve,
    mode_connectivity,
    recompute_batchnorm,
)
from landscape_catalog.metrics.parameters import flatten
from landscape_catalog.models import build
from landscape_catalog.tasks import Classification, Samples, epoch_batches


def pair() -> list[nn.Module]:
    return [
        build("resnet18", width=2, input_shape=(1, 4, 4), n_outputs=3, seed=s).double()
        for s in (0, 1)
    ]


def vector(network: nn.Module) -> Tensor:
    shapes = {name: value.shape for name, value in network.named_parameters()}
    return flatten(network.state_dict(), shapes)


def test_the_ends_are_the_two_networks(task: Classification, tiny_data: Samples) -> None:
    """At t = 0 and 1 the curve is each network, with the statistics of the training data."""
    one, other = pair()
    start, end = one.state_dict(), other.state_dict()
    before = copy.deepcopy(start)
    recipe = CurveRecipe(epochs=2, batch_size=8)
    curve = fit_curve(one, (start, end), tiny_data, task, recipe, seed=3)
    points = curve_points(one, curve, tiny_data, tiny_data, task, points=5, batch_size=8, seed=4)
    assert [point.t for point in points] == [0, 0.25, 0.5, 0.75, 1]
    for network, point in ((one, points[0]), (other, points[-1])):
        alone = copy.deepcopy(network)
        recompute_batchnorm(alone, tiny_data, task, batch_size=8, seed=4)
        assert point.train == evaluate(alone, tiny_data, task)
    assert all(torch.equal(start[name], before[name]) for name in before)


def test_bernstein_weights() -> None:
    for t in np.linspace(0, 1, 11):
        assert sum(coefficients(t)) == pytest.approx(1)
    assert coefficients(0) == (1, 0, 0)
    assert coefficients(1) == (0, 0, 1)


def test_without_a_step_phi_is_the_middle(task: Classification, tiny_data: Samples) -> None:
    one, other = pair()
    recipe = CurveRecipe(epochs=1, batch_size=8, lr=1e-300)
    ends = (one.state_dict(), other.state_dict())
    curve = fit_curve(one, ends, tiny_data, task, recipe, seed=0)
    torch.testing.assert_close(curve.controls[1], (vector(one) + vector(other)) / 2)


def test_one_step_goes_down_the_gradient_in_phi(task: Classification, tiny_data: Samples) -> None:
    """Against central differences of L(gamma(t)) + wd/2 ||gamma(t)||^2 in phi, at the t drawn."""
    torch.manual_seed(0)
    one, other = (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).double() for _ in range(2))
    lr, wd = 0.1, 0.3
    recipe = CurveRecipe(epochs=1, batch_size=24, lr=lr, momentum=0, weight_decay=wd)
    start, end = one.state_dict(), other.state_dict()
    phi = fit_curve(one, (start, end), tiny_data, task, recipe, seed=5).controls[1]
    t = np.random.Generator(np.random.Philox(key=5)).uniform()
    first, middle, last = coefficients(t)
    a, b = vector(one), vector(other)
    scratch = copy.deepcopy(one)

    def objective(control: Tensor) -> float:
        gamma = first * a + middle * control + last * b
        nn.utils.vector_to_parameters(gamma, scratch.parameters())
        logits = scratch(task.inputs(tiny_data.inputs, torch.float64))
        return task.loss(logits, tiny_data).item() + wd / 2 * float(gamma.square().sum())

    straight = (a + b) / 2
    step = (straight - phi) / lr
    for i in (0, 17, 50):
        nudge = torch.zeros_like(straight)
        nudge[i] = 1e-5
        slope = (objective(straight + nudge) - objective(straight - nudge)) / 2e-5
        assert float(step[i]) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_fitting_lowers_the_loss_between(task: Classification, tiny_data: Samples) -> None:
    one, other = pair()
    start, end = one.state_dict(), other.state_dict()
    recipe = CurveRecipe(epochs=40, batch_size=8, lr=0.05)
    fitted = fit_curve(one, (start, end), tiny_data, task, recipe, seed=0)
    controls = torch.stack([vector(one), (vector(one) + vector(other)) / 2, vector(other)])
    straight = Curve(controls, fitted.shapes)
    losses = []
    for curve in (straight, fitted):
        points = curve_points(
            one, curve, tiny_data, tiny_data, task, points=5, batch_size=8, seed=0
        )
        losses.append(sum(point.train.loss for point in points[1:-1]))
    assert losses[1] < 0.8 * losses[0]


def test_statistics_are_the_cumulative_mean_over_batches(
    task: Classification, tiny_data: Samples
) -> None:
    layer = nn.BatchNorm2d(1).double()
    network = nn.Sequential(layer, nn.Flatten(), nn.Linear(16, 3).double())
    network.eval()
    recompute_batchnorm(network, tiny_data, task, batch_size=7, seed=9)
    batches = [
        task.inputs(tiny_data.inputs[rows], torch.float64)
        for rows in epoch_batches(24, 7, seed=9, epoch=0)
    ]
    torch.testing.assert_close(
        layer.running_mean, torch.stack([b.mean() for b in batches]).mean()[None]
    )
    torch.testing.assert_close(
        layer.running_var, torch.stack([b.var() for b in batches]).mean()[None]
    )
    assert layer.momentum == 0.1
    assert not network.training


def test_shapes_that_differ(task: Classification, tiny_data: Samples) -> None:
    one = pair()[0]
    wider = build("resnet18", width=3, input_shape=(1, 4, 4), n_outputs=3).double()
    with pytest.raises(ValueError, match=r"conv1.weight: expected shape \(2, 1, 3, 3\)"):
        fit_curve(
            one, (one.state_dict(), wider.state_dict()), tiny_data, task, CurveRecipe(), seed=0
        )


@pytest.mark.parametrize(
    ("errors", "value", "t", "lowest", "highest"),
    [
        ([2, 3, 12, 3, 4], -9, 0.5, -9, 0),  # a barrier
        ([10, 6, 2, 7, 10], 8, 0.5, 0, 8),  # a dip: the ends are not at a minimum
        ([0, 0, 0, 0, 0], 0, 0.25, 0, 0),  # well connected
        ([4, 9, 4, 1, 4], -5, 0.25, -5, 3),  # both
        ([0, 2, 0, 2, 0], -2, 0.25, -2, 0),  # a tie: the earlier
        ([9, 5, 5, 5, 1], 0, 0.25, 0, 0),  # unequal ends alone are no barrier
        ([1, 5, 5, 5, 9], 0, 0.25, 0, 0),  # whichever is named first
    ],
)
def test_mode_connectivity(
    errors: list[float], value: float, t: float, lowest: float, highest: float
) -> None:
    found = mode_connectivity([0, 0.25, 0.5, 0.75, 1], errors)
    assert (found.value, found.t, found.lowest, found.highest) == (value, t, lowest, highest)
    assert found.peak_error == max(errors[1:-1])


def test_mode_connectivity_refuses_and_admits() -> None:
    with pytest.raises(ValueError, match="at least 3 points"):
        mode_connectivity([0, 1], [1, 1])
    assert math.isnan(mode_connectivity([0, 0.5, 1], [1, math.nan, 1]).value)
