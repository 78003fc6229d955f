"""The checks of the GPU benchmark on the CPU, at toy size: what they note, and what they notice."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.on_gpu import (
    correctness,
    determinism,
    golden,
    kinks,
    loss_curves,
    metrics_on_device,
    subjects,
    trainings,
)
from benchmarks.on_gpu.checked import compare, difference
from benchmarks.on_gpu.part import Settings, going_on
from benchmarks.on_gpu.trainings import Kept
from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.training import TrainingState
from tests.benchmarks.toy import DAY, TOY
from tests.conftest import SHARED


class Notes:
    """Findings by name."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    def __call__(self, name: str, **facts: Any) -> None:
        assert name not in self.found
        self.found[name] = facts

    def wrong(self) -> list[str]:
        return [name for name, facts in self.found.items() if facts["ok"] is False]

    def right(self) -> list[str]:
        return [name for name, facts in self.found.items() if facts["ok"]]


@pytest.fixture
def notes() -> Notes:
    return Notes()


def test_all_built_in_networks_are_checked() -> None:
    """With and without batch norm, where that is an argument."""
    for chosen in (subjects.TOY, subjects.ALL):
        assert {subject.name for subject in chosen} == set(NETWORKS)
    norms = {subject.has_batch_norm for subject in subjects.ALL if subject.name == "vgg11"}
    assert norms == {True, False}


@pytest.mark.slow
def test_correctness_at_toy_size(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every comparison is with the CPU itself, so that no difference is found at all."""
    monkeypatch.setattr(metrics_on_device, "METRICS", {"evaluation": metrics_on_device._evaluation})
    correctness.run(TOY, notes)
    assert notes.wrong() == []
    for words in (
        "eval mode, product, float64", "vgg11 k=1 32x32 batch_norm=False, gradient, float32",
        "transformer k=4 n_layers=1 n_heads=2, loss, float32", "adam", "adam, recorded", "a group of 3, member 2",
        "losses of the first steps, float64", "loss of the first step, float32",
        "mean loss of epoch 2", "changes of side, float32",
    ):  # fmt: skip
        assert any(words in name for name in notes.right()), words
    assert notes.found["the authors' networks"]["ok"] is None  # not at hand
    observed = {name for name, facts in notes.found.items() if facts["ok"] is None}
    assert len(observed) == 3, observed  # the authors', keys' biases, float32's later steps
    values = [facts["value"] for name, facts in notes.found.items() if "float64" in name]
    assert len(values) > 20 and set(values) == {0.0}


@pytest.mark.slow
def test_metrics_at_toy_size(notes: Notes) -> None:
    with reproducible():
        metrics_on_device.compare_metrics(TOY, notes)
    assert notes.wrong() == []
    for name in metrics_on_device.METRICS:
        assert any(f" {name}, float64" in found for found in notes.found)


@pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason="the authors' networks are missing")
def test_the_authors_networks(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings("cpu", toy=True, seconds=DAY, golden=SHARED / "golden")
    golden.compare_with_the_authors(settings, notes)
    assert notes.wrong() == [] and len(notes.right()) == 4
    changed = Notes()
    network = golden.Golden.network

    def other(self: golden.Golden, index: int) -> nn.Module:
        found = network(self, index)
        with torch.no_grad():
            next(found.parameters()).mul_(1.001)
        return found

    monkeypatch.setattr(golden.Golden, "network", other)
    golden.compare_with_the_authors(settings, changed)
    assert "the authors' Hessian product" in changed.wrong()
    assert any("L2" in name for name in changed.wrong())


@pytest.mark.parametrize("quantity", ["loss", "gradient", "product"])
@pytest.mark.parametrize(("factor", "bits"), [(1 + 1e-9, {64}), (1.001, {32, 64})])
def test_a_wrong_derivative_is_noticed(
    notes: Notes, monkeypatch: pytest.MonkeyPatch, quantity: str, factor: float, bits: set[int]
) -> None:
    """Every call but the first, which is the CPU's, returns a wrong number."""
    right, calls = correctness.derivatives, []

    def derivatives(*args: Any) -> dict[str, torch.Tensor]:
        calls.append(args)
        found = right(*args)
        if len(calls) > 1:
            found[quantity] = found[quantity] * factor
        return found

    monkeypatch.setattr(correctness, "derivatives", derivatives)
    correctness.compare_derivatives(subjects.TOY[2], TOY, notes)
    assert {name.split(", ", 1)[1] for name in notes.wrong()} == {
        f"{quantity}, float{n}" for n in bits
    }


# for each step, how far a key's bias and another parameter are moved, and whether that is wrong
MOVED = [
    ("adam", 1e-3, 0.0, False),
    ("adam", 0.0, 1e-3, True),
    ("sgd", 1e-3, 0.0, True),
    ("sgd", 0.0, 0.0, False),
]


@pytest.mark.parametrize(("optimizer", "key", "other", "wrong"), MOVED)
def test_only_what_rounding_moves_under_adam_is_left_out(
    notes: Notes, optimizer: str, key: float, other: float, wrong: bool
) -> None:
    names = ("0.attention.key.bias", "last/0.cross_attention.key.bias", "0.attention.value.bias")
    expected = {name: torch.ones(4) for name in names}
    found = {name: one + (key if "key" in name else other) for name, one in expected.items()}
    correctness._compare_outcomes(notes, "it", found, expected, adam=optimizer == "adam")
    assert bool(notes.wrong()) == wrong
    observed = [facts for facts in notes.found.values() if facts["ok"] is None]
    assert len(observed) == (optimizer == "adam")
    if observed:
        assert observed[0]["value"] == pytest.approx(key * 8**0.5, abs=1e-6)


def test_gradients_of_keys_biases_are_rounding() -> None:
    """And of no other parameter: so only they may be left out."""
    subject = subjects.TOY[2]
    network, batch = subject.network("cpu", torch.float64), subject.samples(8, "cpu")
    task = subject.task
    task.loss(task.outputs(network, batch, torch.float64), batch).backward()
    sizes = {name: float(p.grad.abs().max()) for name, p in network.named_parameters()}  # type: ignore[union-attr]
    tiny = {name for name, size in sizes.items() if size < 1e-14}
    keys = {name for name in sizes if name.endswith(correctness.WITHOUT_GRADIENT)}
    assert tiny == keys | {n for n in sizes if n.endswith("cross_attention.key.bias")} and keys


def side_network(*relus: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5), *relus, nn.Linear(5, 10))


class Called(nn.Module):
    """A ReLU by a function or a method."""

    def __init__(self, call: Any) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "relu",
    [nn.ReLU(), nn.ReLU(inplace=True), Called(torch.relu), Called(lambda x: x.relu()),
     Called(lambda x: x.relu_()), Called(torch.relu_), Called(nn.functional.relu)],
)  # fmt: skip
def test_sides_of_activations(relu: nn.Module) -> None:
    """Every way to call a ReLU; before it changes its input in place."""
    network, batch = side_network(relu), subjects.TOY[0].samples(6, "cpu")
    task = subjects.IMAGES
    (found,) = kinks.sides(network, batch, task, torch.float32)
    expected = network[:2](task.inputs(batch.inputs)) > 0  # type: ignore[index]
    assert torch.equal(found, expected.flatten())
    assert 0 < int(found.sum()) < 30
    assert kinks.changed([found], [~found]) == kinks.count([found]) == 30
    assert kinks.sides(side_network(), batch, task, torch.float32) == []


def test_given_sides_are_those_of_another_precision() -> None:
    """With its own sides a network is itself; a unit that changes side adds or loses its share."""
    network, batch = side_network(nn.ReLU()).double(), subjects.TOY[0].samples(6, "cpu")
    task = subjects.IMAGES
    masks = kinks.sides(network, batch, task, torch.float64)
    expected = task.outputs(network, batch, torch.float64)
    with kinks.given_sides(masks):
        assert torch.equal(task.outputs(network, batch, torch.float64), expected)
    row, unit = divmod(7, 5)
    masks[0][7] = ~masks[0][7]
    with kinks.given_sides(masks):
        found = task.outputs(network, batch, torch.float64)
    value = network[:2](task.inputs(batch.inputs, torch.float64))[row, unit]  # type: ignore[index]
    sign = 1 if masks[0][7] else -1
    moved = sign * value * network[3].weight[:, unit]  # type: ignore[index]
    torch.testing.assert_close(found[row], expected[row] + moved)
    assert torch.equal(found[row + 1 :], expected[row + 1 :])
    with pytest.raises(ValueError, match="1 ReLUs for 2 masks"), kinks.given_sides(masks * 2):
        task.outputs(network, batch, torch.float64)


@pytest.mark.parametrize(("flips", "factor", "wrong"), [
    (0, 1.0, set()), (1, 1.0, set()), (2, 1.0, {"changes of side"}),
    (0, 1.001, {"gradient", "product"}), (1, 1.001, {"gradient", "product"}),
])  # fmt: skip
def test_what_a_change_of_side_explains(
    notes: Notes, monkeypatch: pytest.MonkeyPatch, flips: int, factor: float, wrong: set[str]
) -> None:
    """Its own share of the derivatives and no more; a network with too many changes is wrong.

    The device differentiates with these sides, as if rounding had moved the values.
    """
    right, sides = correctness.derivatives, correctness.subject_sides
    single = torch.float32
    calls: list[torch.dtype] = []

    def moved_sides(subject: Any, count: int, device: str, dtype: Any, mode: Any) -> Any:
        found = sides(subject, count, "cpu", torch.float64, mode)
        if dtype == single:
            found[0][:flips] = ~found[0][:flips]
        return found

    def derivatives(subject: Any, count: int, device: str, dtype: Any, mode: Any) -> Any:
        calls.append(dtype)
        if dtype != single:
            return right(subject, count, device, dtype, mode)
        with kinks.given_sides(moved_sides(subject, count, device, dtype, mode)):
            found = right(subject, count, device, dtype, mode)
        return {name: v * factor if name != "loss" else v for name, v in found.items()}

    monkeypatch.setattr(correctness, "derivatives", derivatives)
    monkeypatch.setattr(correctness, "subject_sides", moved_sides)
    correctness.compare_derivatives(subjects.TOY[0], TOY, notes)
    assert {name.split(", ")[2] for name in notes.wrong()} == wrong
    assert calls.count(torch.float64) == 2 * (3 if flips else 2)  # in both modes


def test_a_failing_check_is_noted_and_the_next_one_runs(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any) -> list[float]:
        raise RuntimeError("device-side assert\n triggered")

    last = metrics_on_device._evaluation
    monkeypatch.setattr(metrics_on_device, "METRICS", {"first": fails, "last": last})
    metrics_on_device.compare_metrics(TOY, notes)
    assert len(notes.wrong()) == len(notes.right()) == 2
    assert all(name.endswith(": failed") for name in notes.wrong())
    error = notes.found[notes.wrong()[0]]["error"]
    assert error.startswith("RuntimeError: device-side assert triggered at ")
    assert error.endswith(" in fails")


def test_differences() -> None:
    one = torch.tensor([3.0, 4.0])
    assert difference(one + torch.tensor([0.0, 0.5]), one) == 0.1
    assert difference(one, torch.zeros(2)) == 5.0
    assert difference(one, one[:1]) == math.inf
    notes = Notes()
    for name, value in (("nan", math.nan), ("more", 0.2), ("less", 0.1)):
        compare(notes, name, value, 0.1)
    with going_on(notes, "none"):
        pass
    assert notes.wrong() == ["nan", "more"] and notes.right() == ["less"]


def test_means_are_compared_with_the_spread_over_seeds(notes: Notes) -> None:
    """3 sqrt(1/12 + 1/12) = 1.2247 for samples of three whose standard deviation is a half."""
    expected = [1.0, 1.5, 2.0]
    for name, shift in (("within", 1.2), ("beyond", 1.25)):
        loss_curves.compare_means(notes, name, [x + shift for x in expected], expected)
    assert notes.wrong() == ["beyond"] and notes.right() == ["within"]


@pytest.mark.slow
def test_determinism_at_toy_size(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"evaluation": metrics_on_device._evaluation}
    for name in ("MEASURED", "STACKED"):
        monkeypatch.setattr(determinism, name, [*measured] if name == "MEASURED" else [])
    determinism.run(TOY, notes)
    assert notes.wrong() == []
    for words in (
        "training with sgd, twice", "training with sgd, in two processes",
        "a group of 3, in two processes", "while saving", "resumed after step 4",
        "a group, run 1 among [9, 8, 1, 7, 6]", "a group, run 1 resumed alone after step 3",
        "recorded, run 1 among [3, 1]", "recorded, run 1 resumed alone after step 3",
        "recorded of 3, in two processes",
    ):  # fmt: skip
        assert any(words in name for name in notes.right()), words
    recorded, group = (facts for facts in notes.found.values() if facts["ok"] is None)
    assert group["value"] is False and 0 < group["difference"] < 1e-3
    assert recorded.get("difference", 0) < 1e-5  # its rates are rounded to float32


def test_a_groups_bits_are_promised_on_a_cpu_alone(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On CUDA they are observed, and those of recorded steps promised; here every run differs."""
    (training,) = determinism.groups("cpu", True)
    draws = iter(range(1000))

    class Network:
        def tensors(self) -> dict[str, torch.Tensor]:
            return {"losses": torch.tensor([float(next(draws))])}

    def train(training: Any, seeds: list[int], kept: Any = ()) -> list[Any]:
        for checkpoints in kept:
            checkpoints.states = {1: None}
        return [Network() for _ in seeds]

    monkeypatch.setattr(determinism, "WAYS", {"recorded": train, "a group": train})
    for device, way, promised in (
        ("cpu", "a group", True), ("cuda", "a group", False), ("cuda", "recorded", True),
    ):  # fmt: skip
        found = Notes()
        on_device = dataclasses.replace(training, device=device)
        monkeypatch.setattr(trainings.Training, "alone", lambda self, seed: Network())
        determinism.note_company(found, on_device, way, TOY)
        assert len(found.wrong()) == (len(found.found) - 1 if promised else 0), (device, way)


@pytest.mark.parametrize("part", [correctness, determinism])
def test_checks_without_time_are_left_out(part: Any) -> None:
    """And the processes beside them are ended, not waited for."""
    found: dict[str, dict[str, Any]] = {}
    settings = Settings("cpu", toy=True, seconds=0)
    part.run(settings, lambda name, **facts: found.update({name: facts}))
    assert all("skipped" in facts for facts in found.values())
    assert len(found) > 10


def test_a_checkpoint_that_forgets_is_noticed(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The momentum of one parameter is lost."""
    resume = Kept.resume

    def forgets(self: Kept) -> TrainingState | None:
        state = resume(self)
        if state is not None:
            key = next(name for name in state.tensors if name.startswith("optimizer/"))
            state.tensors[key].zero_()
        return state

    monkeypatch.setattr(trainings.Kept, "resume", forgets)
    (training,) = determinism.trainings("cpu", True)
    determinism.note_resuming(notes, training)
    assert any("after step 1" in name for name in notes.wrong())
    assert any("while saving" in name for name in notes.right())


def test_inequality_says_how_much(notes: Notes) -> None:
    one = {"weights": torch.ones(4), "losses": torch.ones(1)}
    other = {"weights": torch.ones(4), "losses": torch.full((1,), 2.0)}
    determinism.note_equality(notes, "equal", one, dict(one))
    determinism.note_equality(notes, "different", other, one)
    determinism.note_equality(notes, "observed", other, one, promised=False)
    assert notes.wrong() == ["different"] and notes.right() == ["equal"]
    assert notes.found["different"]["first"] == ["losses"]
    assert notes.found["observed"]["difference"] == pytest.approx(5**-0.5)
