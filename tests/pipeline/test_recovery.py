"""A training job whose worker died is split, tried again, and finally given up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from landscape_catalog.errors import WorkerDiedError
from landscape_catalog.pipeline.train.recovery import SplitAndRetry
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.timings import Work
from landscape_catalog.store.partial import checkpoint_path

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
