"""Training goes on from a checkpoint to the same bits, alone and in any company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from landscape_catalog.models.build import build
from landscape_catalog.tasks import Samples, Translation
from landscape_catalog.training import Recipe, TrainedRun, TrainingState, train
from tests.training.members import (
    CONSTANT,
    SNAPSHOTS,
    Kept,
    KilledError,
    Kind,
    Outcome,
    Run,
    Trainings,
    different,
)

Bits = dict[str, Any]
RECIPES: dict[str, dict[str, Any]] = {
    "epochs": {"epochs": 3, "stop_tolerance": 0.0},
    "a plateau": {"epochs": 5, "stop_tolerance": 10.0, "stop_patience": 2},
    "an early plateau": {
        "stopping": "epochs", "epochs": 4, "stop_tolerance": 10.0, "stop_patience": 1,
    },
    "updates within an epoch": {"stopping": "updates", "updates": 7},
    "a schedule": {"epochs": 3, "schedule": "step", "milestones": (0.5,), "warmup": 4},
}  # fmt: skip
ALONE: dict[str, dict[str, Any]] = RECIPES | {
    "adam": {"epochs": 3, "optimizer": "adam"},
    "augmentation": {"epochs": 3, "augment": True},
    "clipping": {"epochs": 2, "clip_norm": 0.1},
    "momentum 0": {"epochs": 2, "momentum": 0.0},
}


def trainings(**changes: Any) -> Trainings:
    return Trainings(Kind(), Recipe(**{"batch_size": 8, **changes}))


@pytest.mark.parametrize("name", ALONE)
def test_alone_from_every_step(name: str) -> None:
    """Three steps an epoch; saving changes nothing, and each checkpoint leads to the same end."""
    made, run = trainings(**ALONE[name]), Run(lr=0.05)
    expected, kept = made.alone(run).bits(), Kept()
    assert made.alone(run, checkpoints=kept).bits() == expected
    assert list(kept.states) == list(range(1, len(kept.states) + 1))
    for state in kept.states.values():
        torch.manual_seed(0)
        torch.rand(3)
        assert made.alone(run, checkpoints=Kept(state)).bits() == expected


SENTENCES = Samples(
    torch.tensor([[4, 5, 6, 2], [5, 2, 0, 0], [6, 6, 2, 0], [4, 2, 0, 0]] * 3),
    torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0], [1, 8, 8, 2], [1, 7, 2, 0]] * 3),
)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_dropout_alone_from_every_step(optimizer: Any) -> None:
    recipe = Recipe(batch_size=5, lr=0.01, epochs=3, stop_tolerance=0, optimizer=optimizer)
    args = {"n_layers": 1, "n_heads": 2, "dropout": 0.4}

    def bits(kept: Kept | None) -> Bits:
        network = build("transformer", width=4, input_shape=(), n_outputs=10, args=args, seed=1)
        result = train(
            network, SENTENCES, Translation(), recipe, seed=1, snapshots=SNAPSHOTS[:3],
            checkpoints=kept,
        )  # fmt: skip
        return Outcome(result, network).bits()

    kept, expected = Kept(), bits(None)
    assert bits(kept) == expected
    for state in kept.states.values():
        assert bits(Kept(state)) == expected


def checkpointed(made: Trainings, runs: list[Run]) -> tuple[list[Bits], list[Kept]]:
    """Runs in a group: their results without checkpoints, and all checkpoints."""
    expected = [one.bits() for one in made.together(runs)]
    kept: list[Kept] = [Kept() for _ in runs]
    found = made.together(runs, [{"checkpoints": one} for one in kept])
    assert [one.bits() for one in found] == expected
    return expected, kept


def resumed(made: Trainings, runs: list[Run], states: list[TrainingState | None]) -> list[Bits]:
    options = [{"checkpoints": Kept(state)} for state in states]
    return [one.bits() for one in made.together(runs, options)]


@pytest.mark.parametrize("name", RECIPES)
def test_groups_from_every_step(name: str) -> None:
    """All members from the same step, in another order and without one of them."""
    made, runs = trainings(**RECIPES[name]), different(3)
    expected, kept = checkpointed(made, runs)
    steps = list(kept[0].states)
    assert steps == list(range(1, len(steps) + 1))
    for step in steps:
        states = [one.states[step] for one in kept]
        assert resumed(made, runs[::-1], states[::-1]) == expected[::-1]
        place = step % 3
        assert resumed(made, [runs[place]], [states[place]]) == [expected[place]]


MIXED = [  # the step of each member's last checkpoint; 0: none
    (1, 2, 3, 4), (4, 4, 1, 1), (0, 5, 0, 5), (2, 2, 2, 0), (9, 1, 9, 3), (0, 0, 0, 9), (3, 6, 9, 6),
]  # fmt: skip


@pytest.mark.parametrize("steps", MIXED, ids=str)
def test_members_with_checkpoints_of_different_steps(steps: tuple[int, ...]) -> None:
    """Within epochs, at their ends and at the end of training, together with new companions."""
    made, runs = trainings(epochs=3, stop_tolerance=0.0), different(4)
    expected, kept = checkpointed(made, runs)
    states = [one.states.get(step) for one, step in zip(kept, steps, strict=True)]
    assert resumed(made, runs, states) == expected
    companions = [Run(seed=50), Run(seed=51, lr=float("nan"))]
    mixed = resumed(made, [companions[0], *runs, companions[1]], [None, *states, None])
    assert mixed[1:-1] == expected


def test_a_run_that_has_left_is_not_saved_any_more() -> None:
    """Its last checkpoint is that of its last step, from which it ends in the same way."""
    made = trainings(epochs=4, stop_tolerance=1e-7, stop_patience=1)
    runs = [Run(seed=0), Run(seed=1, lr=1e-12, data=CONSTANT), Run(seed=2)]
    expected, kept = checkpointed(made, runs)
    assert [max(one.states) for one in kept] == [12, 6, 12]
    assert [one["reason"] for one in expected] == ["epochs", "calm", "epochs"]
    for step in (2, 5, 6, 7, 8, 12):
        states = [one.states[min(step, max(one.states))] for one in kept]
        assert resumed(made, runs, states) == expected


@pytest.mark.parametrize("dies_at", [1, 2, 4, 6, 7, 12])
def test_killed_again_and_again(dies_at: int) -> None:
    """Each attempt is killed later, once a run has left; the last one finishes the rest."""
    made = trainings(epochs=4, stop_tolerance=1e-7, stop_patience=1)
    runs = [Run(seed=1, lr=1e-12, data=CONSTANT), Run(seed=0), Run(seed=2)]
    expected = [one.bits() for one in made.together(runs)]
    states: list[TrainingState | None] = [None] * 3
    for death in (dies_at, dies_at + 2, None):
        kept = [Kept(state, death) for state in states]
        try:
            found = made.together(runs, [{"checkpoints": one} for one in kept])
        except KilledError:
            states = [one.last for one in kept]
            continue
        assert [one.bits() for one in found] == expected
        break
    else:
        raise AssertionError("the last attempt was killed")


@pytest.mark.parametrize("together", [True, False])
def test_killed_after_the_last_step(together: bool) -> None:
    """While the test error of the last epoch is computed."""
    made, run = trainings(epochs=2, stop_tolerance=0.0), Run()
    start: Callable[..., Outcome] = (
        (lambda run, **options: made.together([run], [options])[0]) if together else made.alone
    )
    expected, calls = start(run).bits(), [0]

    def dies(network: torch.nn.Module) -> float:
        calls[0] += 1
        if calls[0] == 2:
            raise KilledError
        return made.test_error(run)(network)  # type: ignore[no-any-return]

    kept = Kept()
    with pytest.raises(KilledError):
        start(run, checkpoints=kept, test_error=dies)
    assert list(kept.states) == [1, 2, 3, 4, 5, 6]
    assert start(run, checkpoints=Kept(kept.last)).bits() == expected


def test_ends_are_announced_before_members_of_other_steps_are_trained() -> None:
    made, runs = trainings(epochs=2, stop_tolerance=0.0), different(2)
    _, kept = checkpointed(made, runs)
    events: list[str] = []

    def options(name: str, state: TrainingState | None) -> dict[str, Any]:
        def on_end(result: TrainedRun) -> None:
            events.append(f"{name} ends")

        return {
            "checkpoints": Kept(state),
            "on_epoch": lambda record: events.append(f"{name} {record.epoch}"),
            "on_end": on_end,
        }

    made.together(runs, [options("first", kept[0].states[4]), options("second", None)])
    assert events == ["first 2", "first ends", "second 1", "second 2", "second ends"]
