"""Fitting curves: endpoints, initial control points, gradient, length, batch-norm statistics."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.numerics.curves import descent
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier
from landscape_catalog.metrics.numerics.curves.bezier import Curve, coefficients
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.parameters import flatten, random_weights
from landscape_catalog.models.build import build
from landscape_catalog.tasks import (
    Classification,
    Perturbation,
    Samples,
    Task,
    Translation,
    epoch_batches,
)


def pair() -> list[nn.Module]:
    return [
        build("resnet18", width=2, input_shape=(1, 4, 4), n_outputs=3, seed=s).double()
        for s in (0, 1)
    ]


def vector(network: nn.Module) -> Tensor:
    shapes = {name: value.shape for name, value in network.named_parameters()}
    return flatten(network.state_dict(), shapes)


def test_the_endpoints_are_the_two_networks(task: Classification, tiny_data: Samples) -> None:
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
        expected = evaluate(alone, tiny_data, task)
        assert dataclasses.astuple(point.train) == pytest.approx(dataclasses.astuple(expected))
    assert all(torch.equal(start[name], before[name]) for name in before)


def test_bernstein_weights() -> None:
    for t in np.linspace(0, 1, 11):
        assert sum(coefficients(t)) == pytest.approx(1)
    assert coefficients(0) == (1, 0, 0)
    assert coefficients(1) == (0, 0, 1)


@pytest.mark.parametrize("control_points", [2, 3, 4, 5, 10])
def test_bernstein_weights_are_binomial_probabilities(control_points: int) -> None:
    k = control_points - 1
    for t in np.linspace(0, 1, 11):
        found = coefficients(float(t), control_points)
        assert sum(found) == pytest.approx(1, rel=1e-14)
        np.testing.assert_allclose(found, binom.pmf(np.arange(k + 1), k, t), atol=1e-14)
    assert coefficients(0, control_points) == (1, *[0] * k)
    assert coefficients(1, control_points) == (*[0] * k, 1)


def linears(n: int = 2, dtype: torch.dtype = torch.float64) -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).to(dtype) for _ in range(n)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("control_points", range(3, 11))
@pytest.mark.parametrize("init", ["linear", "random"])
def test_the_endpoints_are_exact(
    task: Classification, tiny_data: Samples, control_points: int, dtype: torch.dtype, init: str
) -> None:
    """Bit-identical for every order: 3 * (x / 3) need not be x in floating point."""
    one, other = linears(dtype=dtype)
    ends = (one.state_dict(), other.state_dict())
    recipe = CurveRecipe(epochs=1, batch_size=8, control_points=control_points, init=init)  # type: ignore[arg-type]
    curve = fit_curve(one, ends, tiny_data, task, recipe, seed=0)
    assert curve.controls.shape == (control_points, 51)
    for t, end in zip((0, 1), ends):
        weights = curve.at(t)
        assert set(weights) == {"1.weight", "1.bias"}
        assert all(torch.equal(weights[name], end[name]) for name in weights)


@pytest.mark.parametrize("control_points", [3, 4, 5])
def test_a_linear_start_is_the_straight_line(
    task: Classification, tiny_data: Samples, control_points: int
) -> None:
    """Evenly spaced control points give gamma(t) = (1 - t) theta + t theta'."""
    one, other = linears()
    recipe = CurveRecipe(epochs=1, batch_size=8, lr=1e-300, control_points=control_points)
    curve = fit_curve(one, (one.state_dict(), other.state_dict()), tiny_data, task, recipe, seed=0)
    a, b = vector(one), vector(other)
    for j in range(control_points):
        share = j / (control_points - 1)
        torch.testing.assert_close(curve.controls[j], a + share * (b - a))
    for t in (0.2, 0.5, 0.9):
        there = torch.cat([value.flatten() for value in curve.at(t).values()])
        torch.testing.assert_close(there, a + t * (b - a))


def random_start(network: nn.Module, data: Samples, task: Task, *, seed: int) -> Tensor:
    recipe = CurveRecipe(
        epochs=1, batch_size=8, lr=1e-300, control_points=4, init="random", weight_decay=0
    )
    ends = (network.state_dict(), network.state_dict())
    return fit_curve(network, ends, data, task, recipe, seed=seed).controls


def test_a_random_start(task: Classification, tiny_data: Samples) -> None:
    """Uniform in +-1/sqrt(fan in); batch-norm scales in [0, 1], shifts 0; each point differs."""
    network = build("resnet18", width=4, input_shape=(1, 4, 4), n_outputs=3)
    with torch.no_grad():
        for value in network.parameters():
            value += 5  # so that initial values cannot be mistaken for drawn ones
    before = copy.deepcopy(network.state_dict())
    controls = random_start(network, tiny_data, task, seed=3)
    sizes = [value.numel() for _, value in network.named_parameters()]
    for control in controls[1:3]:
        pieces = dict(zip(dict(network.named_parameters()), control.split(sizes)))
        for name, module in network.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                scales, shifts = pieces[f"{name}.weight"], pieces[f"{name}.bias"]
                assert ((scales >= 0) & (scales <= 1)).all()
                assert scales.min() < scales.max()
                assert (shifts == 0).all()
            elif isinstance(module, (nn.Conv2d, nn.Linear)):
                fan_in = (
                    module.in_features
                    if isinstance(module, nn.Linear)
                    else module.in_channels * module.kernel_size[0] * module.kernel_size[1]
                )
                bound = 1 / math.sqrt(fan_in)
                for part in ("weight", "bias")[: 1 + (module.bias is not None)]:
                    values = pieces[f"{name}.{part}"]
                    assert (values.abs() <= bound).all()
                    if len(values) > 1000:  # uniform: the standard deviation is bound / sqrt 3
                        sd = float(values.double().std())
                        assert sd == pytest.approx(bound / math.sqrt(3), rel=0.1)
    assert not torch.equal(controls[1], controls[2])
    assert torch.equal(controls, random_start(network, tiny_data, task, seed=3))
    other = random_start(network, tiny_data, task, seed=4)
    assert not torch.equal(controls[1], other[1])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_random_weights_of_a_transformer() -> None:
    """Modules other than convolution, linear and batch norm keep their own initialisation."""
    network = build(
        "transformer", width=8, input_shape=(), n_outputs=500, args={"n_layers": 1}, seed=0
    )
    state = torch.get_rng_state()
    found = random_weights(network, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert set(found) == {name for name, _ in network.named_parameters()}
    assert all((found[name] == 1).all() for name in found if name.endswith("norm.weight"))
    assert found["encoder.0.attention.key.bias"].abs().max() <= 8**-0.5
    assert found["encoder.0.attention.key.bias"].abs().max() > 0
    assert found["encoder.0.feed_forward.2.weight"].abs().max() <= 32**-0.5
    assert float(found["embedding.weight"].std()) == pytest.approx(1, rel=0.1)  # torch's own
    again = random_weights(network, seed=1)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_a_negligible_rate_leaves_the_middle_point_in_place(
    task: Classification, tiny_data: Samples
) -> None:
    one, other = pair()
    recipe = CurveRecipe(epochs=1, batch_size=8, lr=1e-300)
    ends = (one.state_dict(), other.state_dict())
    curve = fit_curve(one, ends, tiny_data, task, recipe, seed=0)
    torch.testing.assert_close(curve.controls[1], (vector(one) + vector(other)) / 2)


@pytest.mark.parametrize("control_points", [3, 4, 5])
def test_one_step_descends_the_gradient_in_each_control_point(
    task: Classification, tiny_data: Samples, control_points: int
) -> None:
    """Against central differences of L(gamma(t)) + wd/2 ||gamma(t)||^2 at the drawn t."""
    one, other = linears()
    lr, wd, k = 0.1, 0.3, control_points - 1
    recipe = CurveRecipe(
        epochs=1, batch_size=24, lr=lr, momentum=0, weight_decay=wd, control_points=control_points
    )
    start, end = one.state_dict(), other.state_dict()
    fitted = fit_curve(one, (start, end), tiny_data, task, recipe, seed=5).controls
    t = np.random.Generator(np.random.Philox(key=5)).uniform()
    bernstein = binom.pmf(np.arange(k + 1), k, t)
    a, b = vector(one), vector(other)
    straight = torch.stack([a + j / k * (b - a) for j in range(k + 1)])
    scratch = copy.deepcopy(one)

    def objective(controls: Tensor) -> float:
        gamma = sum(float(weight) * control for weight, control in zip(bernstein, controls))
        nn.utils.vector_to_parameters(gamma, scratch.parameters())
        logits = scratch(task.inputs(tiny_data.inputs, torch.float64))
        return task.loss(logits, tiny_data).item() + wd / 2 * float(gamma.square().sum())

    steps = (straight - fitted) / lr
    for j in range(1, k):
        for i in (0, 17, 50):
            nudge = torch.zeros_like(straight)
            nudge[j, i] = 1e-5
            slope = (objective(straight + nudge) - objective(straight - nudge)) / 2e-5
            assert float(steps[j, i]) == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert torch.equal(fitted[[0, -1]], torch.stack([a, b]))


class Quadratic(Task):
    """1/2 (w - 3)^2 of a single weight, for any samples; counts its evaluations."""

    connectivity_by = "loss"

    def __init__(self) -> None:
        self.n_evaluations = 0

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        return network(samples.inputs.to(dtype))[:, 0]

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        self.n_evaluations += 1
        return (outputs - 3).square() / 2

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        return (outputs - 3).abs()

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        return outputs[:, None]

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        return samples


ONES = Samples(torch.ones(10, 1), torch.zeros(10))


def scalar(weight: float) -> nn.Module:
    network = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(network.weight, weight)
    return network


def fitted(recipe: CurveRecipe, *, seed: int = 7, ends: tuple[float, float] = (1, -2)) -> Curve:
    one, other = (scalar(end) for end in ends)
    return fit_curve(
        one, (one.state_dict(), other.state_dict()), ONES, Quadratic(), recipe, seed=seed
    )


def by_hand(recipe: CurveRecipe, progress: list[float], *, seed: int = 7) -> list[float]:
    """The same fit with plain floats: SGD with momentum on each inner control point."""
    k = recipe.control_points - 1
    controls = [1 + j / k * (-2 - 1) for j in range(k + 1)]
    velocity = [0.0] * (k + 1)
    draws = np.random.Generator(np.random.Philox(key=seed))
    for done in progress:
        t = draws.uniform()
        weights = [math.comb(k, j) * t**j * (1 - t) ** (k - j) for j in range(k + 1)]
        gamma = sum(weight * control for weight, control in zip(weights, controls))
        slope = (gamma - 3) + recipe.weight_decay * gamma
        share = 1.0 if done <= 0.5 else 0.01 if done >= 0.9 else 1 - 0.99 * (done - 0.5) / 0.4
        for j in range(1, k):
            velocity[j] = recipe.momentum * velocity[j] + weights[j] * slope
            controls[j] -= recipe.lr * share * velocity[j]
    return controls


@pytest.mark.parametrize("control_points", [3, 4])
def test_the_whole_fit_by_hand(control_points: int) -> None:
    recipe = CurveRecipe(
        control_points=control_points, lr=0.1, momentum=0.8, weight_decay=0.2, batch_size=3,
        epochs=8,
    )  # fmt: skip
    by_epochs = by_hand(recipe, [epoch / 8 for epoch in range(8) for _ in range(3)])
    assert fitted(recipe).controls[:, 0].tolist() == pytest.approx(by_epochs, rel=1e-12)
    updates = CurveRecipe(**{**vars(recipe), "updates": 20})
    by_updates = by_hand(updates, [done / 20 for done in range(20)])
    assert fitted(updates).controls[:, 0].tolist() == pytest.approx(by_updates, rel=1e-12)


def test_the_best_curve_in_closed_form() -> None:
    """min over phi of E_t[1/2 (gamma(t) - 3)^2 + wd/2 gamma(t)^2], with control points 1, phi, -2.

    With c = 3 / (1 + wd) and E[2t(1-t)] = 1/3, E[4t^2(1-t)^2] = 2/15, E[2t(1-t)^3] = 1/10:
    phi = (c/3 - (1 - 2)/10) / (2/15).
    """
    recipe = CurveRecipe(lr=0.1, momentum=0, weight_decay=0.5, batch_size=10, updates=1000)
    phi = (2 / 3 + 1 / 10) / (2 / 15)
    curve = fitted(recipe)
    assert float(curve.controls[1, 0]) == pytest.approx(phi, rel=0.05)
    points = curve_points(scalar(0), curve, ONES, ONES, Quadratic(), points=5, batch_size=5, seed=0)
    for point in points:
        t, control = point.t, float(curve.controls[1, 0])
        gamma = (1 - t) ** 2 + 2 * t * (1 - t) * control - 2 * t**2
        assert point.train.loss == pytest.approx((gamma - 3) ** 2 / 2, rel=1e-12)
        assert point.test.error == pytest.approx(100 * abs(gamma - 3), rel=1e-12)
    found = mode_connectivity([p.t for p in points], [p.train.loss for p in points])
    level = ((1 - 3) ** 2 / 2 + (-2 - 3) ** 2 / 2) / 2
    inner = [level - p.train.loss for p in points[1:-1]]
    assert found.mode_connectivity == max(inner, key=abs)
    assert found.mode_connectivity > 0  # the curve dips towards 3, below both endpoints


@pytest.mark.parametrize("updates", [1, 3, 7])
def test_a_fit_by_updates_takes_exactly_that_many(updates: int) -> None:
    task = Quadratic()
    one, other = scalar(1), scalar(-2)
    recipe = CurveRecipe(updates=updates, batch_size=3, epochs=50)  # three batches per epoch
    fit_curve(one, (one.state_dict(), other.state_dict()), ONES, task, recipe, seed=0)
    assert task.n_evaluations == updates


def test_updates_equal_epochs_except_for_the_rate_within_an_epoch(
    monkeypatch: pytest.MonkeyPatch, task: Classification, tiny_data: Samples
) -> None:
    one, other = linears()
    ends = (one.state_dict(), other.state_dict())

    def controls(size: int, **length: int) -> Tensor:
        recipe = CurveRecipe(batch_size=size, lr=0.1, **length)  # type: ignore[arg-type]
        return fit_curve(one, ends, tiny_data, task, recipe, seed=2).controls

    # With one batch per epoch, the learning rate decays in the same way.
    assert torch.equal(controls(24, epochs=10), controls(24, updates=10))
    assert not torch.equal(controls(8, epochs=6), controls(8, updates=18))
    monkeypatch.setattr(descent, "rate_factor", lambda progress: 1.0)
    assert torch.equal(controls(8, epochs=6), controls(8, updates=18))


SENTENCES = Samples(
    torch.tensor([[4, 5, 6, 2], [5, 2, 0, 0], [6, 6, 2, 0], [4, 2, 0, 0]] * 3),
    torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0], [1, 8, 8, 2], [1, 7, 2, 0]] * 3),
)


def translators(dropout: float = 0.0) -> list[nn.Module]:
    args = {"n_layers": 1, "n_heads": 2, "dropout": dropout}
    return [
        build("transformer", width=4, input_shape=(), n_outputs=10, args=args, seed=seed).double()
        for seed in (0, 1)
    ]


def test_a_translation_curve_is_evaluated_by_its_loss() -> None:
    one, other = translators()
    task = Translation()
    ends = (one.state_dict(), other.state_dict())

    def losses(updates: int, lr: float) -> list[float]:
        recipe = CurveRecipe(updates=updates, lr=lr, batch_size=6)
        curve = fit_curve(one, ends, SENTENCES, task, recipe, seed=0)
        points = curve_points(
            one, curve, SENTENCES, SENTENCES, task, points=5, batch_size=6, seed=0
        )
        assert points[0].train == evaluate(one, SENTENCES, task)
        assert points[-1].train == evaluate(other, SENTENCES, task)
        assert all(point.train.n == 30 for point in points)  # target tokens, not 12 sentences
        return [getattr(point.train, task.connectivity_by) for point in points]

    straight, curved = losses(1, 1e-300), losses(90, 0.05)
    assert sum(curved[1:-1]) < sum(straight[1:-1]) - 1
    found = mode_connectivity([0, 0.25, 0.5, 0.75, 1], curved)
    assert (
        found.mode_connectivity > 0.3
    )  # nats: neither endpoint is trained, so the curve dips far below both


def test_dropout_in_a_fit_follows_the_seed() -> None:
    one, other = translators(dropout=0.5)
    ends = (one.state_dict(), other.state_dict())
    found = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        recipe = CurveRecipe(updates=4, lr=0.05, batch_size=6)
        found.append(fit_curve(one, ends, SENTENCES, Translation(), recipe, seed=0).controls)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*found)
    plain = fit_curve(translators()[0], ends, SENTENCES, Translation(), recipe, seed=0).controls
    assert not torch.equal(found[0], plain), "dropout is off"


def test_fitting_lowers_the_loss_between_the_endpoints(
    task: Classification, tiny_data: Samples
) -> None:
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


def test_dropout_in_recomputed_statistics_follows_the_seed(
    task: Classification, tiny_data: Samples
) -> None:
    layer = nn.BatchNorm2d(1)
    network = nn.Sequential(nn.Dropout(0.5), layer, nn.Flatten(), nn.Linear(16, 3))
    found = []
    for state in (1, 2):
        torch.manual_seed(state)
        recompute_batchnorm(network, tiny_data, task, batch_size=8, seed=0)
        found.append(layer.running_var.clone())
    assert torch.equal(*found)


def test_a_network_without_batch_norm_is_unchanged(
    task: Classification, tiny_data: Samples
) -> None:
    network = linears(1)[0]
    before = copy.deepcopy(network.state_dict())
    recompute_batchnorm(
        network, tiny_data, task, batch_size=1000, seed=0
    )  # too large, but never used
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training


def test_networks_of_different_shapes(task: Classification, tiny_data: Samples) -> None:
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
        ([10, 6, 2, 7, 10], 8, 0.5, 0, 8),  # a dip: the endpoints are not minima
        ([0, 0, 0, 0, 0], 0, 0.25, 0, 0),  # well connected
        ([4, 9, 4, 1, 4], -5, 0.25, -5, 3),  # both
        ([0, 2, 0, 2, 0], -2, 0.25, -2, 0),  # a tie: the first
        ([9, 5, 5, 5, 1], 0, 0.25, 0, 0),  # unequal endpoints are no barrier
        ([1, 5, 5, 5, 9], 0, 0.25, 0, 0),  # in either order
    ],
)
def test_mode_connectivity(
    errors: list[float], value: float, t: float, lowest: float, highest: float
) -> None:
    found = mode_connectivity([0, 0.25, 0.5, 0.75, 1], errors)
    assert (found.mode_connectivity, found.t, found.lowest, found.highest) == (
        value,
        t,
        lowest,
        highest,
    )
    assert found.peak_error == max(errors[1:-1])


def test_mode_connectivity_of_too_few_points_and_of_nan() -> None:
    with pytest.raises(ValueError, match="at least 3 points"):
        mode_connectivity([0, 1], [1, 1])
    assert math.isnan(mode_connectivity([0, 0.5, 1], [1, math.nan, 1]).mode_connectivity)


class Projected(nn.Module):
    """Random features that differ between seeds and are not trained."""

    def __init__(self, *, buffer: bool) -> None:
        super().__init__()
        directions = torch.randn(16, 8)
        if buffer:
            self.register_buffer("directions", directions)
        else:
            self.directions = nn.Parameter(directions, requires_grad=False)
        self.linear = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.cos(x.flatten(1) @ self.directions))


@pytest.mark.parametrize("buffer", [True, False])
def test_untrained_tensors_must_be_equal(
    buffer: bool, task: Classification, tiny_data: Samples
) -> None:
    torch.manual_seed(0)
    one, other = (Projected(buffer=buffer) for _ in range(2))
    recipe = CurveRecipe(epochs=1, batch_size=8)
    ends = (one.state_dict(), other.state_dict())
    message = f"directions is a {'buffer' if buffer else 'frozen parameter'} and differs"
    with pytest.raises(ValueError, match=message):
        fit_curve(one, ends, tiny_data, task, recipe, seed=0)
    options = {"points": 3, "batch_size": 8, "seed": 0}
    with pytest.raises(ValueError, match=message):
        line_barrier(one, ends, tiny_data, tiny_data, task, **options)
    same = other.state_dict() | {"directions": one.directions.detach()}
    curve = fit_curve(one, (ends[0], same), tiny_data, task, recipe, seed=0)
    assert set(curve.at(0.5)) == {"linear.weight", "linear.bias"}
