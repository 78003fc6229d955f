"""Traced evaluation against the network itself."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.graphs import batching
from landscape_catalog.metrics.numerics.curves import sweep
from landscape_catalog.metrics.numerics.curves.barrier import straight_line
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
from landscape_catalog.metrics.numerics.curves.points import CurvePoint, curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.curves.sweep import evaluate_all
from landscape_catalog.metrics.numerics.evaluation import Evaluation, evaluate
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples, Task, Translation
from tests.metrics.networks import TRACEABLE, ByWeight, Counting, images, make

TASK = Classification((0.5,), (0.25,))


def states_of(networks: list[nn.Module]) -> list[dict[str, Tensor]]:
    return [{k: v.detach() for k, v in network.named_parameters()} for network in networks]


def numbers(found: list[list[Evaluation]]) -> np.ndarray:
    return np.array([
        [(e.loss, e.loss_sd, e.n_wrong or 0, e.n, e.error_value) for e in row]
        for row in found
    ])  # fmt: skip


def both(
    networks: list[nn.Module], data: Samples, task: Task = TASK, batch_size: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluations with the graph and with the network itself, on all samples and on a subset."""
    sets = (data, data[:7])
    fast, plain = (
        numbers(
            evaluate_all(
                networks[0], states_of(networks), sets, task,
                batch_size=batch_size, seed=2, fast=fast,
            )
        )
        for fast in (True, False)
    )  # fmt: skip
    return fast, plain


@pytest.mark.parametrize("stack_size", [1, 2, 8])
@pytest.mark.parametrize("kind", TRACEABLE)
def test_traced_evaluation_equals_the_network_in_float64(
    kind: str, stack_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, in stacks with a smaller last one, and in one stack; with an incomplete batch."""
    monkeypatch.setattr(batching, "LARGEST_STACK", stack_size)
    monkeypatch.setattr(batching, "SMALL_VALUE", 2**30 if stack_size > 1 else 0)
    monkeypatch.setitem(sweep.LARGEST_VALUE, "cpu", 2**14)
    made = [make(kind, seed) for seed in range(3)]
    networks, data = [network.double() for network, _ in made], made[0][1]
    assert (sweep._traced_evaluator(networks[0], data, TASK, 8) is not None) == TRACEABLE[kind]
    fast, plain = both(networks, data)
    np.testing.assert_allclose(fast, plain, rtol=1e-10)


@pytest.mark.parametrize("small_value", [0, 2**30])
@pytest.mark.parametrize("kind", TRACEABLE)
def test_traced_evaluation_equals_the_network_in_float32(
    kind: str, small_value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the channels-last format if the numbers of channels are multiples of eight."""
    monkeypatch.setattr(batching, "SMALL_VALUE", small_value)
    made = [make(kind, seed) for seed in range(2)]
    network, data = made[0]
    found = sweep._traced_evaluator(network, data, TASK, 8)
    assert (found is not None) == TRACEABLE[kind]
    assert found is None or found.strategy.channels_last == (kind == "wide" and not small_value)
    fast, plain = both([network for network, _ in made], made[0][1])
    np.testing.assert_allclose(fast, plain, rtol=2e-5)


def test_a_point_does_not_depend_on_points_evaluated_with_it() -> None:
    networks = [make("resnet18", seed)[0] for seed in range(3)]
    data = images()
    states = states_of(networks)

    def found(some: list[dict[str, Tensor]]) -> np.ndarray:
        return numbers(evaluate_all(networks[0], some, (data,), TASK, batch_size=8, seed=2))

    together, alone = found(states), np.concatenate([found([state]) for state in states])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("kind", ["resnet18", "untraceable"])
def test_known_endpoints_are_not_evaluated_again(kind: str) -> None:
    """An endpoint is bit-identical on every curve that it belongs to."""
    made = [make(kind, seed) for seed in range(3)]
    data, states = made[0][1], [network.state_dict() for network, _ in made]

    def points(one: int, other: int, known: list[CurvePoint]) -> list[CurvePoint]:
        curve = straight_line(made[0][0], (states[one], states[other]))
        return curve_points(
            made[0][0], curve, data, data[:7], TASK, points=3, batch_size=8, seed=0, known=known
        )

    first, second = points(0, 1, []), points(1, 2, [])
    assert (first[-1].train, first[-1].test) == (second[0].train, second[0].test)
    assert points(1, 2, [dataclasses.replace(first[-1], t=0.0)]) == second
    wrong = dataclasses.replace(first[0], t=0.0)
    assert points(1, 2, [wrong])[0] == wrong
    assert points(0, 1, first) == first


def test_a_task_that_changes_outputs_is_evaluated_as_it_is() -> None:
    networks = [make("resnet18", s)[0].double() for s in (0, 1)]
    fast, plain = both(networks, images(), Scaled((0.5,), (0.25,)))
    np.testing.assert_array_equal(fast, plain)


class Scaled(Classification):
    """A task that changes the network's output."""

    def outputs(self, network, samples, dtype):  # type: ignore[no-untyped-def]
        return 2 * super().outputs(network, samples, dtype)


def test_a_branch_on_the_number_of_samples_is_detected() -> None:
    torch.manual_seed(0)
    fast, plain = both([Counting().double() for _ in range(2)], images())
    np.testing.assert_array_equal(fast, plain)


class Twice(nn.Module):
    """Two convolutions followed by the same batch-norm layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.norm, self.linear = nn.BatchNorm2d(4), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(self.one(x)))
        y = torch.relu(self.norm(self.other(y)))
        return self.linear(torch.flatten(y, 1))


class Same(nn.Module):
    """Even kernels, and padding that differs between the two sides."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 8, 4, padding="same"), nn.Conv2d(8, 8, 4)
        self.norm, self.linear = nn.BatchNorm2d(8), nn.Linear(200, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(self.other(self.one(x))))
        return self.linear(torch.flatten(y, 1))


@pytest.mark.parametrize("kind", [Twice, Same, ByWeight])
def test_behaviour_that_a_trace_does_not_reveal_is_detected(kind: type[nn.Module]) -> None:
    made = []
    for seed in range(3):
        torch.manual_seed(seed)
        network = kind()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) / 2)
        made.append(network)
    fast, plain = both(made, images())
    np.testing.assert_allclose(fast, plain, rtol=1e-4)


class Moving(Counting):
    """Has a buffer that every call changes and that is not in the state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) * self.calls


def test_states_are_evaluated_independently_by_the_network_itself() -> None:
    torch.manual_seed(0)
    networks: list[nn.Module] = [Moving() for _ in range(3)]
    data = images()
    states = states_of(networks)

    def found(some: list[dict[str, Tensor]]) -> np.ndarray:
        return numbers(evaluate_all(networks[0], some, (data,), TASK, batch_size=8, seed=2))

    alone = np.concatenate([found([state]) for state in states])
    np.testing.assert_array_equal(found(states), alone)


def test_batch_norm_kept_in_eval_mode_keeps_its_statistics() -> None:
    class Kept(Counting):
        def train(self, mode: bool = True) -> Kept:
            super().train(mode)
            self.norm.eval()
            return self

    network, data = Kept(), images()
    with torch.no_grad():
        network.norm.running_mean.fill_(0.7)  # type: ignore[union-attr]
    expected = evaluate(network, data, TASK)
    ((found,),) = evaluate_all(
        network, states_of([network]), (data,), TASK, batch_size=8, seed=0
    )  # fmt: skip
    assert found == expected


def test_a_network_that_overwrites_its_inputs_does_not_change_the_data() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.LeakyReLU(0.1, inplace=True), nn.Flatten(), nn.Linear(64, 3))
    data = Samples(torch.randn(30, 1, 8, 8), torch.arange(30) % 3)
    before = data.inputs.clone()
    evaluate_all(network, states_of([network]), (data,), Classification(), batch_size=8, seed=0)
    ends = (network.state_dict(), network.state_dict())
    fit_curve(network, ends, data, Classification(), CurveRecipe(updates=2, batch_size=8), seed=0)
    assert torch.equal(data.inputs, before)


def test_the_network_is_left_unchanged() -> None:
    network, data = make("resnet18", 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    evaluate_all(network, states_of([network]), (data,), TASK, batch_size=8, seed=0)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training


def test_translation_is_evaluated_by_the_network_itself() -> None:
    sentences = Samples(
        torch.tensor([[4, 5, 6, 2], [5, 2, 0, 0], [6, 6, 2, 0]]),
        torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0], [1, 8, 8, 2]]),
    )
    args = {"n_layers": 1, "n_heads": 2}
    networks = [
        build("transformer", width=4, input_shape=(), n_outputs=10, args=args, seed=s)
        for s in (0, 1)
    ]
    fast, plain = both(networks, sentences, Translation())
    np.testing.assert_array_equal(fast, plain)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("kind", ["resnet18", "untraceable", "vgg11 plain"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_or_infinite_weights_give_nan(kind: str, fast: bool, bad: float) -> None:
    """The error is NaN, neither 100% nor 0%."""
    (one, data), (other, _) = make(kind, 0), make(kind, 1)
    with torch.no_grad():
        next(iter(other.parameters())).view(-1)[0] = bad
    ends = (one.state_dict(), other.state_dict())
    curve = fit_curve(one, ends, data, TASK, CurveRecipe(updates=1, batch_size=8), seed=0)
    points = curve_points(
        one, curve, data, data, TASK, points=3, batch_size=8, seed=0, refine=2, fast=fast
    )
    assert len(points) == 3
    assert math.isfinite(points[0].train.loss), "an endpoint depends on the other one"
    for point in points[1:]:
        for found in (point.train, point.test):
            assert math.isnan(found.loss)
            assert math.isnan(found.error)
            assert found.n_wrong is None


@pytest.mark.parametrize("fast", [True, False])
def test_batch_sizes_that_batch_norm_cannot_use(fast: bool) -> None:
    network, data = make("resnet18", 0)  # its last stage has 1 x 1 features
    states = states_of([network])

    def measure(batch_size: int) -> None:
        evaluate_all(network, states, (data,), TASK, batch_size=batch_size, seed=0, fast=fast)

    with pytest.raises(ValueError, match="batches of 1 leave batch norm one value per channel"):
        measure(1)
    with pytest.raises(ValueError, match="between 1 and the 30 samples, got 31"):
        measure(31)
    ends = (network.state_dict(), network.state_dict())
    with pytest.raises(ValueError, match="batches of 1 leave batch norm one value per channel"):
        fit_curve(network, ends, data, TASK, CurveRecipe(batch_size=1), seed=0)
    with pytest.raises(ValueError, match="between 1 and the 30 samples, got 31"):
        fit_curve(network, ends, data, TASK, CurveRecipe(batch_size=31), seed=0)


def test_networks_of_different_depth() -> None:
    one = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    deeper = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Linear(3, 3))
    ends = (one.state_dict(), deeper.state_dict())
    with pytest.raises(ValueError, match=r"2\.(weight|bias): missing in one"):
        fit_curve(one, ends, images(), TASK, CurveRecipe(), seed=0)
