"""Recorded steps: the same bits as steps that are taken one by one, in any company.

Without a GPU, recorded work is called again instead of being replayed by one. What lies in place of
a graph then is everything else: what a step reads and writes, epochs, checkpoints, companions.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from landscape_catalog.graphs.recorded import WARM_UP
from landscape_catalog.tasks import Classification
from landscape_catalog.training import Recipe, train_replayed
from landscape_catalog.training.replayed import ReplayedSteps
from tests.training.members import Kept, Kind, Outcome, Run, Trainings, different

# Learning rates that float32 represents exactly, since they lie on the device in float32.
RECIPES: dict[str, dict[str, Any]] = {
    "epochs": {"epochs": 3, "stop_tolerance": 0.0},
    "a plateau": {"epochs": 5, "stop_tolerance": 10.0, "stop_patience": 2},
    "updates within an epoch": {"stopping": "updates", "updates": 7},
    "fewer updates than the warm-up": {"stopping": "updates", "updates": 2},
    "a schedule": {
        "epochs": 3, "schedule": "step", "milestones": (0.5,), "factor": 0.5, "warmup": 4,
    },
    "adam": {"epochs": 3, "optimizer": "adam"},
    "augmentation": {"epochs": 3, "augment": True},
    "clipping": {"epochs": 2, "clip_norm": 0.1},
    "momentum 0": {"epochs": 2, "momentum": 0.0},
    "label smoothing": {"epochs": 2, "label_smoothing": 0.1},
}  # fmt: skip
RUN = Run(lr=0.0625)


class Recorder:
    """Stands in for CUDA graphs, and counts."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, work: Callable[[], object]) -> Callable[[], object]:
        self.recorded += 1

        def replay() -> None:
            self.replayed += 1
            work()

        return replay


def trainings(name: str) -> Trainings:
    return Trainings(Kind(), Recipe(**{"batch_size": 8, **RECIPES[name]}))


def replayed(
    made: Trainings, runs: list[Run], options: list[dict[str, Any]] | None = None
) -> tuple[list[dict[str, Any]], Recorder]:
    recorder = Recorder()
    given = options or [{}] * len(runs)
    members = [made.member(run, **one) for run, one in zip(runs, given)]
    results = train_replayed(members, recorder=recorder)
    outcomes = [Outcome(result, member.network) for result, member in zip(results, members)]
    return [outcome.bits() for outcome in outcomes], recorder


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_bits_as_step_by_step(name: str) -> None:
    made = trainings(name)
    (found,), recorder = replayed(made, [RUN])
    expected = made.alone(RUN)
    assert found == expected.bits()
    epochs = len(expected.result.history)
    steps = {"updates within an epoch": 7, "fewer updates than the warm-up": 2}
    taken = steps.get(name, 3 * epochs)
    assert recorder.recorded == (taken > WARM_UP)
    assert recorder.replayed == max(taken - WARM_UP, 0)


@pytest.mark.parametrize("name", RECIPES)
def test_from_every_checkpoint(name: str) -> None:
    made, kept = trainings(name), Kept()
    (expected,), _ = replayed(made, [RUN], [{"checkpoints": kept}])
    assert expected == made.alone(RUN).bits()
    assert list(kept.states) == list(range(1, len(kept.states) + 1))
    for state in kept.states.values():
        (found,), _ = replayed(made, [RUN], [{"checkpoints": Kept(state)}])
        assert found == expected


def test_a_run_does_not_depend_on_its_companions() -> None:
    """These may differ in everything: data, seed, rate, and when they end."""
    made = trainings("a plateau")
    runs = [dataclasses.replace(run, lr=2.0**-number) for number, run in enumerate(different(5), 4)]
    alone = [replayed(made, [run])[0][0] for run in runs]
    assert replayed(made, runs)[0] == alone
    assert replayed(made, runs[::-1])[0] == alone[::-1]
    longer = Recipe(batch_size=4, epochs=7, stop_tolerance=0.0)
    other = Trainings(Kind(model="resnet18", shape=(1, 8, 8)), longer).member(RUN)
    members = [other, *(made.member(run) for run in runs)]
    results = train_replayed(members, recorder=Recorder())
    assert len(results[0].history) == 7
    outcomes = [Outcome(result, one.network) for result, one in zip(results[1:], members[1:])]
    assert [outcome.bits() for outcome in outcomes] == alone


def test_runs_are_announced_as_they_end() -> None:
    made, ended = trainings("a plateau"), []
    options = [{"on_end": ended.append}, {"on_end": ended.append}]
    replayed(made, [RUN, dataclasses.replace(RUN, seed=1)], options)
    assert len(ended) == 2


def test_a_finished_checkpoint_takes_no_further_step() -> None:
    made, kept = trainings("updates within an epoch"), Kept()
    (expected,), _ = replayed(made, [RUN], [{"checkpoints": kept}])
    last = kept.states[max(kept.states)]
    (found,), recorder = replayed(made, [RUN], [{"checkpoints": Kept(last)}])
    assert found == expected
    assert recorder.recorded == recorder.replayed == 0


def test_a_batch_larger_than_the_data() -> None:
    made = Trainings(Kind(), Recipe(batch_size=25))
    with pytest.raises(ValueError, match="25 exceeds the 24 samples"):
        train_replayed([made.member(RUN)], recorder=Recorder())


def test_what_a_step_reads_keeps_its_place_in_memory() -> None:
    """A graph reads and writes addresses: whatever changes must be changed in place."""
    made, places = trainings("augmentation"), []
    member = made.member(RUN)

    def recorder(work: Callable[[], object]) -> Callable[[], object]:
        steps = work.__self__  # type: ignore[attr-defined]

        def replay() -> None:
            fixed = [*steps.parts.values(), steps.place, steps.rate]
            fixed += [steps.loss_sum, steps.error_sum, *member.network.state_dict().values()]
            fixed += [s["momentum_buffer"] for s in steps.optimizer.state.values()]
            places.append([tensor.data_ptr() for tensor in fixed])
            work()

        return replay

    train_replayed([member], recorder=recorder)
    assert len(places) == 9 - WARM_UP
    assert all(found == places[0] for found in places)
    assert isinstance(member.task, Classification)
    assert all(torch.isfinite(p).all() for p in member.network.parameters())


@pytest.mark.parametrize("name", ["adam", "epochs"])
def test_optimizers_may_be_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam refuses to step while a GPU records, unless all of its groups are capturable.

    The check of torch is asked as it is on a GPU: before recording, it must not warn either.
    """
    made, capturing = trainings(name), [False]
    stream = SimpleNamespace(is_capturing=lambda: capturing[0])
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: gpu)
    monkeypatch.setattr(torch.accelerator, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: capturing[0])
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    member = made.member(RUN)
    steps = ReplayedSteps(member.network, member.data, member.task, made.recipe, 0)
    steps.begin(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for capturing[0] in (False, True):
            steps.take()
