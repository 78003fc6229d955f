"""The remaining time of a stage, and what its status says while it runs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.runner.activity import Activity
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.speed import FIRST_JOB_SECONDS, SpeedModel
from landscape_catalog.runner.status import (
    SECONDS_UNTIL_SILENT,
    JobStatus,
    Process,
    StageStatus,
    read_status,
    write_status,
)
from landscape_catalog.runner.time_left import OVERRUN, RunningJob, time_left
from landscape_catalog.runner.timings import Attempt, Work
from landscape_catalog.runner.tracker import StageTracker


def seconds_of(work: Work) -> float:
    return float(work.steps)


def work(seconds: int, kind: str = "train") -> Work:
    return Work(kind, "resnet18", 4, 32, seconds, 0)


SPEED = SpeedModel(seconds_of, worker_start=3.0)
FIRST = FIRST_JOB_SECONDS


@pytest.mark.parametrize(
    ("waiting", "running", "workers", "left"),
    [
        ([], [], 2, 0.0),
        ([10, 10, 10], [], 2, 20.0),
        ([10, 10], [RunningJob(work(100), 40.0), RunningJob(work(100), 90.0)], 2, 60.0),
        ([30, 10], [RunningJob(work(100), 40.0), RunningJob(work(100), 90.0)], 2, 60.0),
        ([70, 10], [RunningJob(work(100), 40.0), RunningJob(work(100), 90.0)], 2, 80.0),
        ([], [RunningJob(work(100), -2.0, first=True)], 1, 102.0 + FIRST),  # the worker starts
        ([], [RunningJob(work(100), 0.0, resumed=0.75, done=0.75)], 1, 25.0),
        # A tenth is done in 20 s, so that the job itself would take 200 s: that counts 40%.
        ([], [RunningJob(work(100), 30.0, done=0.1, reported=20.0)], 1, 0.4 * 200 + 60 - 30),
        ([], [RunningJob(work(100), 60.0, done=0.5, reported=50.0)], 1, 40.0),
        ([], [RunningJob(work(100), 160.0, done=0.5, reported=100.0)], 1, 40.0),
        ([], [RunningJob(work(100), 50.0, resumed=0.5, done=0.75, reported=40.0)], 1, 30.0),
    ],
)
def test_the_rest_is_scheduled_on_the_workers(
    waiting: list[int], running: list[RunningJob], workers: int, left: float
) -> None:
    found = time_left(map(work, waiting), running, [], speed=SPEED, workers=workers)
    assert found == pytest.approx(left)


def test_finished_jobs_of_the_stage_correct_the_rest() -> None:
    finished = [(work(100), 300.0)] * 3
    found = time_left([work(100)], [], finished, speed=SPEED, workers=1)
    assert found == pytest.approx(300, rel=0.03)


def test_a_job_that_runs_longer_than_predicted_is_never_about_to_end() -> None:
    """What still waits is expected to take as long as it does."""
    late = RunningJob(work(100), 400.0)
    assert late.left(SPEED) == OVERRUN * 400
    found = time_left([work(100)], [late], [], speed=SPEED, workers=1)
    assert found == pytest.approx(20 + 420, rel=0.05)
    # Jobs that have ended say more than that one still runs.
    known = [(work(100), 1000.0)] * 8
    found = time_left([], [late], known, speed=SPEED, workers=1)
    assert found == pytest.approx(600, rel=0.05)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def tracker_of(names: str, clock: Clock, **options: Any) -> tuple[StageTracker, dict[str, Job]]:
    jobs = {name: Job(name, None, work(100)) for name in names}
    made = StageTracker(
        "train", list(jobs.values()), speed=SPEED, clock=clock, **{"workers": 2, **options}
    )
    return made, jobs


def test_a_stage_from_start_to_end() -> None:
    """Two workers, four jobs of 100 s each; the workers announce their jobs."""
    clock, announced = Clock(), dict[str, Activity]()
    tracker, jobs = tracker_of("abcd", clock, activities=lambda: announced)
    for job in jobs.values():
        tracker.submit(job)
    status = tracker.status()
    assert status.seconds_left == pytest.approx(203 + FIRST)
    assert [job.name for job in status.running] == ["a", "b"]
    assert (status.done, status.waiting, status.running[0].worker) == (0, 2, "")
    clock.now = 1004.0
    for name in "ab":
        announced[name] = Activity(f"host:{name}", name, 1002.0, first=True)
    status = tracker.status()
    assert status.seconds_left == pytest.approx(198 + FIRST)
    assert status.running[0] == JobStatus("a", "host:a", 1002.0, 100.0, 0.0)
    clock.now = 1102.0 + FIRST
    timing = tracker.end(jobs["a"], Attempt(100.0 + FIRST, "host:a", 1002.0, first=True))
    assert timing is not None
    assert (timing.stage, timing.stage_started, timing.predicted) == ("train", 1000.0, 100.0)
    assert tracker.end(jobs["b"], None) is None
    status = tracker.status()
    assert [job.name for job in status.running] == ["c", "d"]
    assert (status.done, status.waiting, status.failed) == (2, 0, ("b",))
    assert status.seconds_left == pytest.approx(100)
    for name in "cd":
        tracker.end(jobs[name], Attempt(100.0, "host:a", 1103.5))
    status = tracker.status()
    assert (status.done, status.jobs, status.running, status.seconds_left) == (4, 4, (), 0.0)


def test_a_job_that_is_replaced_counts_as_those_that_replace_it() -> None:
    clock = Clock()
    tracker, jobs = tracker_of("ab", clock, workers=1)
    tracker.submit(jobs["a"])
    tracker.submit(jobs["a"])  # again, since its worker did not start
    tracker.replace(jobs["a"], [Job("c", None, work(60)), Job("d", None, work(60))])
    status = tracker.status()
    assert (status.jobs, status.done, status.waiting, status.running) == (3, 0, 3, ())
    assert status.seconds_left == pytest.approx(220)


def test_workers_that_announce_nothing_are_taken_to_work_after_a_while() -> None:
    clock = Clock()
    tracker, jobs = tracker_of("ab", clock)
    for job in jobs.values():
        tracker.submit(job)
    found = []
    for clock.now in (1000.0, 1002.0, 1010.0, 1050.0):
        found.append(tracker.status().seconds_left)
    expected = [103 + FIRST, 101 + FIRST, 100 + OVERRUN * 10 + FIRST, 50]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.3, 1.0, 8.0])
def test_the_remaining_time_at_half_of_a_simulated_stage(workers: int, scale: float) -> None:
    """Jobs of two kinds take `scale` times their prediction, give or take a quarter.

    Whether the machine is much faster or slower than known, less than a quarter of the remaining
    time is wrong at the half.
    """
    draw = random.Random(workers)
    clock, announced = Clock(), dict[str, Activity]()
    lengths = sorted((draw.randint(20, 60) for _ in range(8 * workers)), reverse=True)
    jobs = [Job(str(i), None, work(n, "train" if i % 2 else "x")) for i, n in enumerate(lengths)]
    tracker = StageTracker(
        "train", jobs, speed=SPEED, workers=workers, activities=lambda: announced, clock=clock
    )
    ends, attempts = [1003.0] * workers, []
    for job in jobs:
        tracker.submit(job)
        free = ends.index(min(ends))
        seconds = scale * job.work.steps * draw.uniform(0.75, 1.25)
        attempts.append(Attempt(seconds, f"host:{free}", ends[free], ends[free] == 1003.0))
        ends[free] += seconds
    clock.now = (1000 + max(ends)) / 2
    for job, attempt in zip(jobs, attempts):
        if attempt.ended <= clock.now:
            tracker.end(job, attempt)
        elif attempt.started <= clock.now:
            announced[job.name] = Activity(attempt.worker, job.name, attempt.started, False)
    left = max(ends) - clock.now
    assert tracker.status().seconds_left == pytest.approx(left, rel=0.25)


def status_of(**changes: Any) -> StageStatus:
    values: dict[str, Any] = {
        "stage": "train", "started": 1000.0, "updated": 1100.0, "workers": 2, "jobs": 9, "done": 3,
        "failed": ("x",), "waiting": 4, "seconds_left": 60.0,
        "running": (JobStatus("a", "host:7", 1050.0, 80.0, 0.5), JobStatus("b", "", 0.0, 1.0, 0)),
    }  # fmt: skip
    return StageStatus(**values | changes)


def test_a_status_reads_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "not yet there" / "status.json"
    assert read_status(path) is None
    write_status(path, status_of())
    assert read_status(path) == status_of()
    for content in ("", "[]", "{}", '{"running": [], "process": {}}'):
        path.write_text(content)
        assert read_status(path) is None
    write_status(path / "a file is in the way", status_of())


def test_a_killed_stage_is_not_running(tmp_path: Path) -> None:
    own = Process.own()
    assert status_of().is_running(now=1e12)
    assert not status_of(ended=True).is_running(now=1100.0)
    reused = Process(own.host, own.pid, own.started - 100)
    assert not status_of(process=reused).is_running(now=1100.0)
    code = (
        "from landscape_catalog.runner.status import Process; p = Process.own();"
        "print(p.pid, repr(p.started), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        pid, started = process.stdout.readline().split()
        other = status_of(process=Process(own.host, int(pid), float(started)))
        assert other.is_running(now=1100.0)
        process.kill()
        process.wait()
        assert not other.is_running(now=1100.0)


def test_the_end_of_a_stage_elsewhere_shows_as_silence() -> None:
    elsewhere = status_of(process=Process("another host", 1, 0.0))
    assert elsewhere.is_running(now=1100.0 + SECONDS_UNTIL_SILENT - 1)
    assert not elsewhere.is_running(now=1100.0 + SECONDS_UNTIL_SILENT + 1)
