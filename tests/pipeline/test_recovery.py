"""A training job whose worker died is split, tried again, and finally given up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from landscape_catalog.errors import JobsFailedError, WorkerDiedError
from landscape_catalog.pipeline.train import storing, worker
from landscape_catalog.pipeline.train.recovery import SplitAndRetry
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.timings import Work
from landscape_catalog.store.partial import checkpoint_path
from landscape_catalog.training import Member, TrainedRun, train_group
from tests.stages import run_ids, run_stages, write_project

DIED = WorkerDiedError("its process died (exit code -9); out of memory?")


def job(runs: Sequence[SimpleNamespace]) -> Job:
    name = "+".join(run.run_id for run in runs)
    return Job(name, SimpleNamespace(runs=runs), Work("train", "resnet18", 1, 1, 1, 0))


def runs(names: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(run_id=name) for name in names]


def test_a_group_is_split_in_halves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recover = SplitAndRetry(tmp_path, job)  # type: ignore[arg-type]
    assert [part.name for part in recover(job(runs("abcde")), DIED)] == ["a+b+c", "d+e"]
    assert "a+b+c+d+e: its process died" in caplog.text
    assert "5 runs go on in two halves" in caplog.text
    assert [part.name for part in recover(job(runs("de")), DIED)] == ["d", "e"]


def test_a_run_is_given_up_after_three_deaths_without_a_new_checkpoint(tmp_path: Path) -> None:
    recover = SplitAndRetry(tmp_path, job)  # type: ignore[arg-type]
    one, other = job(runs("a")), job(runs("b"))
    outcomes = []
    for death in range(6):
        if death in (1, 2):
            checkpoint_path(tmp_path, "a").write_text(str(death))
        outcomes.append([part.name for part in recover(one, DIED)])
    # The deaths 2, 3 and 4 are the first three after the last checkpoint.
    assert outcomes == [["a"], ["a"], ["a"], ["a"], [], []]
    assert recover(other, DIED)


@pytest.mark.parametrize(("deaths", "tries"), [([1, 1, 1], 3), ([2, 1], 2), ([3], 1)])
def test_deaths_are_counted_that_the_executor_has_already_retried(
    deaths: list[int], tries: int, tmp_path: Path
) -> None:
    recover = SplitAndRetry(tmp_path, job)  # type: ignore[arg-type]
    outcomes = [recover(job(runs("a")), WorkerDiedError("died", count)) for count in deaths]
    assert [len(outcome) for outcome in outcomes] == [1] * (tries - 1) + [0]


PARAMS = """\
dataset: {name: digits, test_samples: 100}
model: {name: resnet18}
load: {width: 1, samples: 64}
temperature: {batch_size: 16, lr: [0.05, 0.1, 0.2]}
train: {epochs: 1, seeds: 1, stopping: epochs}
execution: {device: cpu, engine: serial}
classify: {}
report: {}
variants: {}
measure: {hessian: {samples: 64}, connectivity: {batch_size: 64}, similarity: {samples: 64}}
"""


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError("Unable to allocate 2.00 GiB"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_group_without_memory_is_split_and_a_lone_run_says_what_to_reduce(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the three fit into the memory, and one of them never does."""
    tried: list[list[float]] = []

    def short_of_memory(members: Sequence[Member]) -> list[TrainedRun]:
        tried.append([member.recipe.lr for member in members])
        if len(members) > 2 or 0.2 in tried[-1]:
            raise error
        return train_group(members)

    monkeypatch.setattr(worker, "train_group", short_of_memory)
    project = write_project(tmp_path / "project", PARAMS)
    said: list[str] = []
    with pytest.raises(JobsFailedError) as failed:
        run_stages(project, tmp_path / "store", "prepare", "train", said=said)
    assert [sorted(lrs) for lrs in tried if 0.2 not in lrs] in ([[0.05, 0.1]], [[0.05], [0.1]])
    assert sorted(len(lrs) for lrs in tried if 0.2 in lrs)[:3] == [1, 1, 1]
    assert len(run_ids(project)) == 2
    told: Any = str(failed.value) + "\n".join(said)
    assert f"out of memory: {worker.ADVICE} ({error})" in told
    assert "Its 3 runs go on in two halves" in told


def test_weights_are_not_said_to_be_wrong_for_lack_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_of, left = storing.state_of, [2]  # of the times that there is no memory

    def short_of_memory(*args: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return state_of(*args)

    monkeypatch.setattr(storing, "state_of", short_of_memory)
    project = write_project(tmp_path / "project", PARAMS)
    said = run_stages(project, tmp_path / "store", "prepare", "train")
    assert len(run_ids(project)) == 3
    assert said.count("out of memory: CUDA out of memory. Its") == 2
