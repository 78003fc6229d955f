"""Jobs in parallel processes: one that fails, or dies, does not stop the others."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from landscape_catalog.errors import StorageError
from landscape_catalog.runner.processes import Job, Workers
from landscape_catalog.runner.progress import StageProgress
from landscape_catalog.runner.timings import Work, log_timing, read_timings


def work(payload: Any) -> None:
    if payload == "raise":
        raise ValueError("no such thing")
    if payload == "memory":
        raise MemoryError
    if payload == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if payload == "disk":
        raise StorageError("cannot write x: the disk is full")
    if payload == "threads":
        import torch

        assert torch.get_num_threads() == 1


def do(*payloads: Any, workers: int = 2) -> tuple[dict[str, bool], dict[str, str]]:
    """Which jobs ended well, and why the others failed."""
    ended: dict[str, bool] = {}
    jobs = [Job(f"{i}-{payload}", payload) for i, payload in enumerate(payloads)]
    with Workers(workers) as pool:
        failures = pool.run(
            work, jobs, on_done=lambda job, seconds: ended.update({job.name: seconds is not None})
        )
    return ended, {failure.name: failure.reason for failure in failures}


def test_the_others_go_on() -> None:
    ended, failures = do(1, "raise", 2, "die", "memory", 3, 4)
    assert {name for name, well in ended.items() if well} == {"0-1", "2-2", "5-3", "6-4"}
    assert {name for name, well in ended.items() if not well} == set(failures)
    assert failures["1-raise"] == "ValueError: no such thing"
    assert "its process died" in failures["3-die"]
    assert "MemoryError" in failures["4-memory"]


def test_a_full_disk_ends_everything() -> None:
    with pytest.raises(StorageError, match="the disk is full"):
        do("disk", 1, 2)


def test_one_thread_a_worker() -> None:
    assert do("threads", "threads") == ({"0-threads": True, "1-threads": True}, {})


def test_plain_lines_when_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress("train", jobs=2, cost=4.0, terminal=False) as progress:
        progress.step("one", 1.0)
        assert progress.seconds_left > 0
        progress.step("two", 3.0)
    assert capsys.readouterr().err == "train 2/2 (two), done\n"


def test_a_broken_line_of_timings_is_passed_over(tmp_path: Any) -> None:
    log, work = tmp_path / "timings.jsonl", Work("train", "resnet18", 2, 16, 100, 10**6)
    log_timing(log, work, 10.0)
    with log.open("a") as stream:
        stream.write('{"kind": "tra')  # cut off by a kill
    assert read_timings(log) == [(work, 10.0)]
