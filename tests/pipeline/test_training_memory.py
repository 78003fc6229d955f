"""Groups that do not fit into memory are split; a single run that does not is reported."""

from __future__ import annotations

from typing import Any

import pytest

from landscape_catalog.errors import TooLittleMemoryError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.train import memory as training
from landscape_catalog.pipeline.train.memory import split_to_fit, training_memory
from landscape_catalog.runner.memory import Memory
from landscape_catalog.tasks import Classification, Translation
from tests.experiment.grids import CUSTOM_CODE, TEXT, grid_of

KEPT = ("best_train_loss",)
WIDE = {"load.width": 32, "temperature.batch_size": 32, "train.seeds": 8}
ROOMY = Memory(10**12, 10**12)


def runs_of(changes: dict[str, Any]) -> tuple[Run, ...]:
    return grid_of({**WIDE, **changes}).cells[0].runs


def added(runs: tuple[Run, ...], snapshots: tuple[str, ...] = KEPT) -> int:
    return training_memory(runs, snapshots) - training.BASE


def test_memory_grows_with_what_is_kept() -> None:
    one, eight = runs_of({})[:1], runs_of({})
    assert added(one) < added(eight) <= 8 * added(one)
    assert added(one, (*KEPT, "last")) > added(one)
    assert added(runs_of({"train.optimizer": "adam"})) > added(eight)
    assert added(runs_of({"temperature.batch_size": 64})) > added(eight)
    assert added(one, (*KEPT, "best_test")) > added(one, (*KEPT, "last"))
    assert added(runs_of({**TEXT, "load.width": 32})) > 0
    assert added(runs_of(CUSTOM_CODE)) == 0


def test_evaluation_batches_are_those_of_the_tasks() -> None:
    assert training.EVALUATION_BATCH["images"] == Classification.evaluation_batch
    assert training.EVALUATION_BATCH["text"] == Translation.evaluation_batch


def test_groups_that_fit_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    groups = [runs_of({}), runs_of({"load.width": 2})]
    assert split_to_fit(groups, KEPT, workers=2, memory=ROOMY) == groups
    assert split_to_fit([], KEPT, workers=2, memory=ROOMY) == []
    assert caplog.messages == []


@pytest.mark.parametrize("most", [1, 2, 4, 7])
def test_a_group_is_split_until_it_fits(most: int, caplog: pytest.LogCaptureFixture) -> None:
    group, other = runs_of({}), runs_of({"load.width": 2})
    free = 2 * training_memory(group[:most], KEPT)
    split = split_to_fit([group, other], KEPT, workers=2, memory=Memory(10**12, free))
    assert [run for part in split for run in part] == [*group, *other]
    assert max(map(len, split[:-1])) == {1: 1, 2: 2, 4: 4, 7: 4}[most]
    assert split[-1] == other
    assert caplog.messages == []


def test_a_run_that_does_not_fit_is_reported_before_work_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (run,) = group = runs_of({"train.seeds": 1})
    needed = training_memory(group, KEPT)
    memory = Memory(10 * needed, 2 * needed)
    assert split_to_fit([group], KEPT, workers=4, memory=memory) == [group]
    (message,) = caplog.messages
    assert message.startswith(f"run {run.run_id} needs about {needed / 1e9:.1f} GB of memory")
    assert f"4 workers share {2 * needed / 1e9:.1f} GB" in message
    assert "set `execution.workers` to 2" in message


def test_a_run_that_is_larger_than_the_machine_is_refused() -> None:
    (run,) = group = runs_of({"train.seeds": 1})
    needed = training_memory(group, KEPT)
    with pytest.raises(TooLittleMemoryError, match=rf"run {run.run_id} needs about .* GB") as error:
        split_to_fit([group], KEPT, workers=1, memory=Memory(needed - 1, needed - 1))
    assert error.value.exit_code == 2
    assert "reduce `load.width` or `temperature.batch_size`" in str(error.value)
