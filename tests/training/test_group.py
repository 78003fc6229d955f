"""Training side by side against training alone, in float64."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import EpochRecord, Member, Recipe, TrainedRun, train, train_group
from tests.training.members import CONSTANT, SNAPSHOTS, Kind, Outcome, Run, Trainings, different

SHORT = {"batch_size": 8, "epochs": 3, "stop_tolerance": 0.0}


def assert_equal(found: Outcome, expected: Outcome) -> None:
    """The same course, and the same numbers up to rounding."""
    one, other = found.result, expected.result
    assert one.stop_reason == other.stop_reason
    assert {n: s.epoch for n, s in one.snapshots.items()} == {
        n: s.epoch for n, s in other.snapshots.items()
    }
    for epoch, expected_epoch in zip(one.history, other.history, strict=True):
        assert epoch.train_loss == pytest.approx(expected_epoch.train_loss, rel=1e-9)
        assert epoch.train_error == pytest.approx(expected_epoch.train_error, rel=1e-12)
        assert epoch.test_error == expected_epoch.test_error
    tensors, expected_tensors = found.tensors(), expected.tensors()
    assert list(tensors) == list(expected_tensors)
    for name, value in tensors.items():
        torch.testing.assert_close(value, expected_tensors[name], rtol=1e-9, atol=1e-9, msg=name)


RECIPES: dict[str, dict[str, Any]] = {
    "plain": {"momentum": 0.0},
    "momentum": {"momentum": 0.9},
    "steps": {"schedule": "step", "milestones": (0.3, 0.6), "factor": 0.2},
    "steps after a warm-up": {"schedule": "step", "milestones": (0.7,), "warmup": 4},
    "inverse square root": {"schedule": "inverse_sqrt", "warmup": 3},
    "label smoothing": {"label_smoothing": 0.2},
    "updates": {"stopping": "updates", "updates": 7},
    "updates of whole epochs": {"stopping": "updates", "updates": 6},
    "fewer updates than an epoch": {"stopping": "updates", "updates": 2},
    "all epochs": {"stopping": "epochs", "stop_tolerance": 10.0, "stop_patience": 2},
    "a plateau": {"stop_tolerance": 10.0, "stop_patience": 2},
    "a late plateau": {"stop_tolerance": 10.0, "stop_patience": 1, "stop_not_before": 3},
    "an incomplete batch": {"batch_size": 7},
    "one batch": {"batch_size": 24, "epochs": 4},
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_group_equals_runs_alone(name: str) -> None:
    trainings = Trainings(Kind(width=2, double=True), Recipe(**{**SHORT, **RECIPES[name]}))
    runs = different(3)
    together = trainings.together(runs)
    for run, found in zip(runs, together, strict=True):
        assert_equal(found, trainings.alone(run))
    moved = together[0].tensors()["network/0.weight"]
    assert not torch.allclose(moved, trainings.network(runs[0]).state_dict()["0.weight"])


@pytest.mark.parametrize(
    "kind",
    [
        Kind("resnet18", width=1, shape=(3, 7, 5), classes=4, double=True),
        Kind("resnet18", width=3, shape=(1, 8, 8), double=True),
        Kind(width=2, shape=(3, 6, 11), double=True),
        Kind("vgg11", width=1, shape=(1, 32, 32), samples=16, double=True),
    ],
    ids=str,
)
def test_other_shapes(kind: Kind) -> None:
    """Weight decay also shrinks the parts of kernels that see no pixel of a small image."""
    trainings = Trainings(kind, Recipe(**{**SHORT, "epochs": 2}))
    runs = different(2, channels=kind.shape[0])
    for run, found in zip(runs, trainings.together(runs), strict=True):
        assert_equal(found, trainings.alone(run))


def test_arrays_without_moments() -> None:
    """Networks on vectors, some of which share their data."""
    recipe = Recipe(batch_size=6, epochs=3, lr=0.2, stop_tolerance=0)

    def member(seed: int, data: Samples) -> Member:
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))
        return Member(network.double(), data, Classification(), recipe, seed, SNAPSHOTS[:3])

    torch.manual_seed(9)
    sets = [Samples(torch.randn(20, 5), torch.arange(20) % 3) for _ in range(2)]
    sets.append(Samples(sets[0].inputs, 2 - sets[0].targets))
    pairs = [(0, sets[0]), (1, sets[1]), (2, sets[0]), (3, sets[2])]
    before = [data.inputs.clone() for data in sets]
    members = [member(*pair) for pair in pairs]
    for pair, found, one in zip(pairs, train_group(members), members, strict=True):
        alone = member(*pair)
        result = train(
            alone.network, alone.data, alone.task, recipe, seed=alone.seed, snapshots=SNAPSHOTS[:3]
        )
        assert_equal(Outcome(found, one.network), Outcome(result, alone.network))
    assert all(torch.equal(data.inputs, kept) for data, kept in zip(sets, before))


def waiting(seed: int) -> Run:
    """A run that is on a plateau from the beginning."""
    return Run(seed=seed, lr=1e-12, data=CONSTANT)


PLATEAU = Recipe(batch_size=8, epochs=6, stop_tolerance=1e-7, stop_patience=2)


@pytest.mark.parametrize("double", [True, False])
def test_runs_end_at_their_own_plateau(double: bool) -> None:
    """A run without progress ends, the others go on; all as if alone."""
    trainings = Trainings(Kind(double=double), PLATEAU)
    runs = [Run(seed=1), waiting(2), Run(seed=3), waiting(4), Run(seed=5)]
    found = trainings.together(runs)
    assert [one.result.stop_reason for one in found] == ["epochs", "calm"] * 2 + ["epochs"]
    assert [len(one.result.history) for one in found] == [6, 3, 6, 3, 6]
    for run, one in zip(runs, found, strict=True):
        alone = trainings.alone(run)
        assert one.result.stop_reason == alone.result.stop_reason
        if double and run.data != CONSTANT:  # batch norm amplifies rounding without bounds there
            assert_equal(one, alone)
        assert one.bits() == trainings.together([run])[0].bits()


@pytest.mark.parametrize("rate", [math.nan, math.inf, 1e38])
def test_a_diverged_run_leaves_the_others_to_the_bit(rate: float) -> None:
    trainings = Trainings(Kind(), Recipe(**SHORT))
    runs = different(4)
    before = [one.bits() for one in trainings.together(runs)]
    runs[2] = Run(seed=2, lr=rate)
    after = trainings.together(runs)
    assert [one.result.stop_reason for one in after] == ["epochs", "epochs", "diverged", "epochs"]
    for place in (0, 1, 3):
        assert after[place].bits() == before[place]
    diverged, alone = after[2].result, trainings.alone(runs[2]).result
    assert len(diverged.history) == len(alone.history) == 1
    assert not math.isfinite(diverged.history[0].train_loss)
    assert {n: s.epoch for n, s in diverged.snapshots.items()} == {
        n: s.epoch for n, s in alone.snapshots.items()
    }
    assert all(v.isfinite().all() for v in diverged.snapshots["best_train_loss"].state.values())


def test_epochs_and_ends_are_announced_at_once() -> None:
    """With the network's weights of that epoch, also when some runs have left."""
    events: list[tuple[int, str]] = []
    trainings = Trainings(Kind(), PLATEAU)
    runs = [Run(seed=0), waiting(1), Run(seed=2)]

    def announcing(place: int) -> dict[str, Any]:
        def on_epoch(record: EpochRecord) -> None:
            events.append((place, f"epoch {record.epoch}"))

        def on_end(result: TrainedRun) -> None:
            events.append((place, result.stop_reason))

        return {"on_epoch": on_epoch, "on_end": on_end}

    trainings.together(runs, [announcing(place) for place in range(3)])
    expected = [(place, f"epoch {epoch}") for epoch in (1, 2, 3) for place in range(3)]
    expected.append((1, "calm"))
    expected += [(place, f"epoch {epoch}") for epoch in (4, 5, 6) for place in (0, 2)]
    assert events == [*expected, (0, "epochs"), (2, "epochs")]


def test_batches_are_counted() -> None:
    """On top of what a network has already seen."""
    trainings = Trainings(Kind(), PLATEAU)
    members = [trainings.member(run) for run in (Run(seed=0), waiting(1))]
    members[0].network[1].num_batches_tracked.fill_(5)  # type: ignore[index]
    train_group(members)
    counts = [int(member.network[1].num_batches_tracked) for member in members]  # type: ignore[index]
    assert counts == [5 + 6 * 3, 3 * 3]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "Adam": ({"optimizer": "adam"}, "plain SGD"),
    "clipping": ({"clip_norm": 1.0}, "plain SGD"),
    "augmentation": ({"augment": True}, "plain SGD"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_recipes_that_are_refused(name: str) -> None:
    changes, message = REFUSED[name]
    trainings = Trainings(Kind(), Recipe(**{**SHORT, **changes}))
    with pytest.raises(ValueError, match=message):
        trainings.together([Run(), Run(seed=1)])


@pytest.mark.parametrize(
    "changes",
    [{"momentum": 0.5}, {"batch_size": 4}, {"epochs": 4}, {"warmup": 2}, {"label_smoothing": 0.1}],
    ids=str,
)
def test_recipes_that_differ_are_refused(changes: dict[str, Any]) -> None:
    one = Trainings(Kind(), Recipe(**SHORT)).member(Run())
    other = Trainings(Kind(), Recipe(**{**SHORT, **changes})).member(Run())
    with pytest.raises(ValueError, match="may differ in learning rate and weight decay"):
        train_group([one, other])


@pytest.mark.parametrize(
    "changes", [{"width": 2}, {"classes": 4}, {"samples": 32}, {"shape": (3, 4, 4)}], ids=str
)
def test_runs_of_other_shapes_are_refused(changes: dict[str, Any]) -> None:
    one = Trainings(Kind(), Recipe(**SHORT)).member(Run())
    other = Trainings(Kind(**changes), Recipe(**SHORT)).member(different(1, 3)[0])
    with pytest.raises(ValueError, match="equal shapes and numbers of samples"):
        train_group([one, other])


def test_batches_larger_than_the_data_are_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 25 exceeds the 24 samples"):
        Trainings(Kind(), Recipe(**{**SHORT, "batch_size": 25})).together([Run(), Run(seed=1)])


def test_networks_that_cannot_be_stacked_are_refused() -> None:
    def refused(change: Callable[[nn.Module], Any], message: str) -> None:
        members = [Trainings(Kind(), Recipe(**SHORT)).member(Run(seed=s)) for s in (0, 1)]
        for member in members:
            change(member.network)
        before = [copy.deepcopy(member.network.state_dict()) for member in members]
        with pytest.raises(ValueError, match=message):
            train_group(members)
        for member, state in zip(members, before):
            assert all(torch.equal(v, state[n]) for n, v in member.network.state_dict().items())

    refused(lambda network: setattr(network[1], "momentum", 0.01), "a momentum of 0.1")
    refused(lambda network: network[0].weight.requires_grad_(False), "frozen parameters")
    refused(lambda network: setattr(network, "1", nn.GroupNorm(1, 1)), "of this kind")
    refused(lambda network: network[2].add_module("unused", nn.Linear(2, 2)), "of this kind")
