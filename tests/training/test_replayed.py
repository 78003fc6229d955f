"""Recorded steps: the same bits as steps that are taken one by one, in any company.

Without a GPU, recorded work is called again instead of being replayed by one. What lies in place of
a graph then is everything else: what a step reads and writes, epochs, checkpoints, companions.
"""

from __future__ import annotations

import dataclasses
import warnings
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from landscape_catalog.errors import OutOfMemoryError
from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.graphs.recorded import WARM_UP, RecordedWork
from landscape_catalog.runner.memory import named_memory_errors
from landscape_catalog.tasks import Classification
from landscape_catalog.training import Recipe, train_replayed
from landscape_catalog.training.recipe import rate_factor
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
    mild = dataclasses.replace(RUN, lr=2.0**-6)  # which diverges on no processor
    other = Trainings(Kind(model="resnet18", shape=(1, 8, 8)), longer).member(mild)
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


class FailedError(Exception):
    """Of one member."""


def _fails(*_: Any) -> Any:
    raise FailedError


class Failing(Kept):
    """Checkpoints that cannot be saved."""

    def save(self, state: Any) -> None:
        raise FailedError


FAILURES: dict[str, dict[str, Any]] = {
    "when it ends": {"on_end": _fails},
    "after an epoch": {"on_epoch": _fails},
    "when it is tested": {"test_error": _fails},
    "when it is saved": {"checkpoints": Failing()},
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_work_is_left_behind_by_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the others have launched writes to tensors that the error frees: it is waited for."""
    made, waited, lanes = trainings("epochs"), [], []
    init = ReplayedSteps.__init__

    def kept(self: ReplayedSteps, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        lanes.append(self.recorded)

    monkeypatch.setattr(ReplayedSteps, "__init__", kept)
    monkeypatch.setattr(RecordedWork, "wait", lambda self: waited.append(self))
    with pytest.raises(FailedError):
        replayed(made, different(3), [{}, FAILURES[name], {}])
    assert len(lanes) == 3
    assert waited[-3:] == lanes
    assert not any(lane.is_recorded for lane in lanes)


def test_memory_that_lacks_while_a_step_is_recorded() -> None:
    """The error is that of the step, and nothing is left of the group."""
    made, seen = trainings("epochs"), []

    def recorder(work: Callable[[], object]) -> Callable[[], object]:
        seen.append(weakref.ref(work.__self__))  # type: ignore[attr-defined]
        if len(seen) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return work

    members = [made.member(run) for run in different(3)]
    with pytest.raises(OutOfMemoryError, match="reduce this"), named_memory_errors("reduce this"):
        train_replayed(members, recorder=recorder)
    assert len(seen) == 2
    assert [found() for found in seen] == [None, None]


class Refusing:
    """Records the first so many works, and fails for the others as a capture of a read does."""

    def __init__(self, good: int) -> None:
        self.good, self.asked = good, 0

    def __call__(self, work: Callable[[], object]) -> Callable[[], object]:
        self.asked += 1
        if self.asked > self.good:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        return work


@pytest.mark.parametrize("name", RECIPES)
def test_runs_go_on_step_by_step_if_they_cannot_be_recorded(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No step is lost or counted twice, checkpoints included, and one warning says why."""
    warn_once.cache_clear()
    made, runs = trainings(name), [RUN, dataclasses.replace(RUN, seed=1)]
    expected, kept = [made.alone(run).bits() for run in runs], [Kept(), Kept()]
    members = [made.member(run, checkpoints=one) for run, one in zip(runs, kept)]
    recorder = Refusing(good=1)
    results = train_replayed(members, recorder=recorder)
    found = [Outcome(result, one.network).bits() for result, one in zip(results, members)]
    assert found == expected
    short = name == "fewer updates than the warm-up"
    assert recorder.asked == (0 if short else 2)
    assert len(caplog.messages) == (not short)
    assert all("not permitted when stream is capturing" in said for said in caplog.messages)
    for one, run, right in zip(kept, runs, expected):
        for state in one.states.values():
            again = made.member(run, checkpoints=Kept(state))
            (result,) = train_replayed([again], recorder=Refusing(good=0))
            assert Outcome(result, again.network).bits() == right


def test_a_member_that_diverges_leaves_the_others_alone() -> None:
    made = trainings("epochs")
    runs = [RUN, dataclasses.replace(RUN, lr=2.0**120), dataclasses.replace(RUN, seed=1)]
    members = [made.member(run) for run in runs]
    results = train_replayed(members, recorder=Recorder())
    assert [result.stop_reason for result in results] == ["epochs", "diverged", "epochs"]
    outcomes = [Outcome(result, one.network) for result, one in zip(results, members)]
    for place in (0, 2):
        assert outcomes[place].bits() == made.alone(runs[place]).bits()


def test_runs_that_resume_at_different_steps() -> None:
    made, runs = trainings("epochs"), [RUN, dataclasses.replace(RUN, seed=1, data=1)]
    kept = [Kept(), Kept()]
    expected, _ = replayed(made, runs, [{"checkpoints": one} for one in kept])
    for steps in ((2, 7), (9, 1), (3, 8)):
        starts = [Kept(one.states[step]) for one, step in zip(kept, steps)]
        found, _ = replayed(made, runs, [{"checkpoints": one} for one in starts])
        assert found == expected


class Twice(Classification):
    """Counts each sample as two units of the error."""

    def errors(self, outputs: torch.Tensor, samples: Any) -> torch.Tensor:
        return super().errors(outputs, samples).repeat(2)


@pytest.mark.parametrize("task", [Classification((0.5,), (0.25,)), Twice((0.5,), (0.25,))])
def test_the_mean_error_is_that_of_the_units(task: Classification) -> None:
    made, run = trainings("epochs"), dataclasses.replace(RUN, task=task)
    assert replayed(made, [run])[0][0] == made.alone(run).bits()


def test_float64_networks() -> None:
    made = Trainings(Kind(double=True), Recipe(batch_size=8, epochs=3, stop_tolerance=0.0))
    assert replayed(made, [RUN])[0][0] == made.alone(RUN).bits()


@pytest.mark.parametrize("lr", [0.05, 1e-3, 0.3])
def test_rates_are_rounded_once(lr: float) -> None:
    """Each is the float32 next to what `train` has in float64."""
    recipe = Recipe(
        batch_size=8, epochs=3, lr=lr, schedule="inverse_sqrt", warmup=3, stop_tolerance=0.0
    )
    made = Trainings(Kind(), recipe)
    member = made.member(dataclasses.replace(RUN, lr=lr))
    steps = ReplayedSteps(member.network, member.data, member.task, member.recipe, 0)
    steps.begin(1)
    exact = [lr * rate_factor(recipe, update, steps.total) for update in range(3)]
    assert steps.parts["rates"].tolist() == torch.tensor(exact, dtype=torch.float32).tolist()
