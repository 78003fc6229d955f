"""Groups must fit into a worker's share of the memory; a single run that does not is reported."""

from __future__ import annotations

from typing import Any

import pytest

from landscape_catalog.errors import TooLittleMemoryError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.machine import Memory
from landscape_catalog.pipeline.shared.memory import EVALUATION_BATCH
from landscape_catalog.pipeline.train.memory import MemoryShare, training_memory
from landscape_catalog.runner.memory import WORKER_BYTES
from landscape_catalog.tasks import Classification, Translation
from tests.experiment.grids import CUSTOM_CODE, TEXT, grid_of

KEPT = ("best_train_loss",)
WIDE = {"load.width": 32, "temperature.batch_size": 32, "train.seeds": 8}


def runs_of(changes: dict[str, Any]) -> tuple[Run, ...]:
    return grid_of({**WIDE, **changes}).cells[0].runs


def added(runs: tuple[Run, ...], snapshots: tuple[str, ...] = KEPT) -> int:
    return training_memory(runs, snapshots) - WORKER_BYTES


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
    assert EVALUATION_BATCH["images"] == Classification.evaluation_batch
    assert EVALUATION_BATCH["text"] == Translation.evaluation_batch


@pytest.mark.parametrize("most", [1, 2, 5, 8])
def test_a_group_must_fit_into_the_share_of_a_worker(most: int) -> None:
    group = runs_of({})
    share = MemoryShare(KEPT, 2, Memory(10**12, 2 * training_memory(group[:most], KEPT)))
    assert [share.fits(group[:size]) for size in range(1, 9)] == [
        size <= most for size in range(1, 9)
    ]


def test_a_single_run_is_trained_all_the_same() -> None:
    assert MemoryShare(KEPT, 2, Memory(1, 1)).fits(runs_of({})[:1])


def test_nothing_is_said_if_everything_fits(caplog: pytest.LogCaptureFixture) -> None:
    group = runs_of({})
    needed = training_memory(group, KEPT)
    MemoryShare(KEPT, 2, Memory(needed * 2, needed * 2)).check([group, group[:1]])
    assert caplog.messages == []


def test_a_run_that_does_not_fit_is_reported_before_work_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (run,) = group = runs_of({"train.seeds": 1})
    small = runs_of({"load.width": 2})
    needed = training_memory(group, KEPT)
    MemoryShare(KEPT, 4, Memory(10 * needed, 2 * needed)).check([small, group])
    (message,) = caplog.messages
    assert message.startswith(f"run {run.run_id} needs about {needed / 1e6:.1f} MB of memory")
    assert f"4 workers share {2 * needed / 1e9:.1f} GB" in message
    assert "set `execution.workers` to 2, or" in message


def test_one_worker_may_lack_memory_as_well(caplog: pytest.LogCaptureFixture) -> None:
    group = runs_of({"train.seeds": 1})
    needed = training_memory(group, KEPT)
    MemoryShare(KEPT, 1, Memory(10 * needed, needed // 2)).check([group])
    assert "close other programs" in caplog.text


def test_a_run_that_is_larger_than_the_machine_is_refused() -> None:
    (run,) = group = runs_of({"train.seeds": 1})
    needed = training_memory(group, KEPT)
    with pytest.raises(TooLittleMemoryError, match=rf"run {run.run_id} needs about .* MB") as error:
        MemoryShare(KEPT, 1, Memory(needed - 1, needed - 1)).check([group])
    assert error.value.exit_code == 2
    assert "reduce `load.width` or `temperature.batch_size`" in str(error.value)
