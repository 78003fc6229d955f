"""Stages under observation: the calibration before them, their log, and their status file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.errors import Interrupted
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.observed import ObservedStage
from landscape_catalog.pipeline.shared.speed import known_speed, speed_for
from landscape_catalog.runner.calibration import read_calibration
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.status import read_status
from landscape_catalog.runner.timings import Attempt, Timing, Work, log_timing, read_timings
from landscape_catalog.runner.worker_cache import WorkerCache

SHORT = Work("train", "resnet18", 4, 32, 10, 10**6)
LONG = Work("train", "resnet18", 4, 32, 10**5, 10**6)


class Refusing(SerialExecutor):
    def submit(self, function: Any, payload: Any) -> Any:
        raise AssertionError("a job was submitted")


class Failing(SerialExecutor):
    def submit(self, function: Any, payload: Any) -> Any:
        return super().submit(fails, payload)


def fails(payload: Any, cache: WorkerCache) -> None:
    raise ValueError("no such device")


def test_a_machine_is_calibrated_once_before_much_untimed_work(tmp_path: Path) -> None:
    project = Project(tmp_path)
    speed_for(project, "cpu", [SHORT] * 9, Refusing())
    before = known_speed(project, "cpu").seconds(LONG)
    after = speed_for(project, "cpu", [SHORT, LONG], SerialExecutor()).seconds(LONG)
    calibration = read_calibration(project.calibration, "cpu")
    assert calibration is not None
    assert after != before
    assert speed_for(project, "cpu", [LONG], Refusing()).seconds(LONG) == after


def test_timed_work_needs_no_calibration(tmp_path: Path) -> None:
    project = Project(tmp_path)
    log_timing(project.timings, Timing(SHORT, Attempt(1.0)))
    assert speed_for(project, "cpu", [LONG], Refusing()).knows(LONG)


def test_a_calibration_that_fails_stops_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path)
    found = speed_for(project, "cpu", [LONG], Failing())
    assert found.seconds(LONG) == known_speed(project, "cpu").seconds(LONG)
    assert not project.calibration.exists()


def observe(project: Project, payloads: list[str], *, device: str = "cpu") -> None:
    jobs = [Job(f"{i}-{payload}", payload, SHORT) for i, payload in enumerate(payloads)]
    speed = SpeedModel(lambda work: 7.0)
    with SerialExecutor() as executor:
        observed = ObservedStage(project, "train", jobs, speed=speed, workers=1, device=device)
        with observed as stage:
            run_jobs(
                executor, looks, jobs,
                on_submit=stage.submit, on_done=stage.end, on_tick=stage.tick,
                speed=speed, activities=project.activities,
            )  # fmt: skip


def looks(payload: str, cache: WorkerCache) -> None:
    if payload == "raise":
        raise ValueError
    if payload == "interrupt":
        raise Interrupted


def test_finished_jobs_are_logged_and_failed_ones_are_not(tmp_path: Path) -> None:
    project = Project(tmp_path)
    observe(project, ["a", "raise", "b"])
    timings = read_timings(project.timings)
    assert [timing.work for timing in timings] == [SHORT, SHORT]
    assert {(timing.stage, timing.predicted) for timing in timings} == {("train", 7.0)}
    assert len({timing.stage_started for timing in timings}) == 1
    assert [timing.attempt.first for timing in timings] == [True, False]
    status = read_status(project.status)
    assert status is not None
    assert (status.ended, status.done, status.jobs, status.failed) == (True, 3, 3, ("1-raise",))


def test_an_interrupted_stage_has_ended_with_jobs_left(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with pytest.raises(Interrupted):
        observe(project, ["a", "interrupt", "b"])
    status = read_status(project.status)
    assert status is not None
    assert (status.ended, status.done, status.jobs) == (True, 1, 3)


def test_a_stage_forgets_what_workers_of_earlier_stages_were_at(tmp_path: Path) -> None:
    project = Project(tmp_path)
    observe(project, ["a"])
    (left,) = project.activities.iterdir()
    other = left.with_name("another.json")
    left.rename(other)
    observe(project, ["a"])
    assert not other.exists()


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_the_time_of_a_job_says_nothing_about_other_devices(device: str, tmp_path: Path) -> None:
    """A GPU and the CPU differ by a hundred times; lines of earlier versions are the CPU's."""
    project = Project(tmp_path)
    observe(project, ["a"], device=device)
    (timing,) = read_timings(project.timings)
    assert timing.device == device
    slow = Timing(LONG, Attempt(10**6, started=1100.0, first=True), "train", 1000.0, device=device)
    log_timing(project.timings, slow)
    for other in ("cpu", "cuda", "mps"):
        found, untimed = known_speed(project, other), known_speed(Project(tmp_path / "no"), other)
        assert found.knows(LONG) == (other == device)
        assert (found.seconds(LONG) == untimed.seconds(LONG)) == (other != device)
        assert (found.worker_start == untimed.worker_start) == (other != device)


def test_lines_of_earlier_versions_are_the_cpus(tmp_path: Path) -> None:
    project = Project(tmp_path)
    observe(project, ["a"])
    line = json.loads(project.timings.read_text())
    assert line.pop("device") == "cpu"
    project.timings.write_text(json.dumps(line) + "\n")
    assert known_speed(project, "cpu").knows(SHORT)
    assert not known_speed(project, "cuda").knows(SHORT)
