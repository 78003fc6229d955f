"""Predicted seconds: starting values, corrected by finished jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.runner.calibration import (
    measure_speed,
    read_calibration,
    write_calibration,
)
from landscape_catalog.runner.speed import (
    FIRST_JOB_SECONDS,
    WORKER_START_SECONDS,
    Calibration,
    Speed,
    SpeedModel,
    learned_speed,
    own_seconds,
    starting_prediction,
)
from landscape_catalog.runner.timings import Attempt, Timing, Work
from landscape_catalog.runner.worker_cache import WorkerCache
from tests.runner.test_timings import TIMINGS, TRAIN, WORKS, job

SPEED = Speed(step=0.01, member=0.001, multiply_adds_per_second=1e10, job=0.5)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"steps": 1, "multiply_adds": 0}, 0.5 + 0.011),
        ({"steps": 10, "multiply_adds": 0}, 0.5 + 0.11),
        ({"steps": 10, "multiply_adds": 10**8}, 0.5 + 0.21),
        ({"steps": 10, "multiply_adds": 10**8, "members": 5}, 0.5 + 0.1 + 0.55),
        ({"steps": 10, "multiply_adds": 10**8, "members": 5, "grouped": True}, 0.5 + 0.1 + 0.55),
        # A group of one has a companion.
        ({"steps": 10, "multiply_adds": 10**8, "grouped": True}, 0.5 + 0.1 + 0.22),
        ({"steps": 10, "multiply_adds": 10**8, "members": 2, "grouped": True}, 0.5 + 0.1 + 0.22),
    ],
    ids=str,
)
def test_a_job_costs_overhead_and_arithmetic(changes: dict[str, Any], seconds: float) -> None:
    assert SPEED.seconds(job(**changes)) == pytest.approx(seconds)


# Milliseconds per step and member, measured on one core of the reference machine: multiply-adds of
# a step, members (0: alone), and the time.
MEASURED = [
    (218_496, 0, 5.05),
    (104_816_640, 0, 13.0),
    (218_496, 5, 0.33),
    (52_408_320, 5, 2.2),
    (13_102_080, 5, 0.93),
]


@pytest.mark.parametrize(("multiply_adds", "members", "milliseconds"), MEASURED)
def test_starting_values_are_near_the_measured_times(
    multiply_adds: int, members: int, milliseconds: float
) -> None:
    work = job(
        multiply_adds=multiply_adds, members=max(members, 1), grouped=members > 0, steps=10**4
    )
    each = 1e3 * starting_prediction()(work) / work.steps / work.members
    assert each == pytest.approx(milliseconds, rel=0.15)


def test_starting_values_depend_on_device_and_calibration() -> None:
    arithmetic, overhead = job(multiply_adds=10**12), job(multiply_adds=0)
    cpu = starting_prediction()
    assert starting_prediction("cuda")(arithmetic) < cpu(arithmetic) / 10
    assert starting_prediction("cuda")(overhead) == cpu(overhead)
    slow = starting_prediction(calibration=Calibration(overhead=3.0, arithmetic=1.0))
    assert slow(overhead) == pytest.approx(3 * cpu(overhead), rel=0.1)
    assert slow(arithmetic) == pytest.approx(cpu(arithmetic), rel=0.1)
    weak = starting_prediction(calibration=Calibration(overhead=1.0, arithmetic=3.0))
    assert weak(overhead) == cpu(overhead)
    assert weak(arithmetic) == pytest.approx(3 * cpu(arithmetic), rel=0.1)


@settings(deadline=None)
@given(WORKS, WORKS)
def test_more_work_takes_longer(work: Work, other: Work) -> None:
    predict = starting_prediction()
    for name in ("steps", "multiply_adds", "members"):
        more = replace(work, **{name: getattr(work, name) + getattr(other, name)})
        assert predict(more) >= predict(work)


def per_step(work: Work) -> float:
    return 0.01 * work.steps


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({}, 4.0),
        ({"steps": 300}, 12.0),
        ({"width": 5}, 4.0),
        ({"batch_size": 1024, "width": 64}, 2.2),  # very different from both
        (
            {"kind": "loss"},
            1.2,
        ),  # other kinds say little about the machine yet
        ({"model": "vgg11"}, 1.2),
        ({"grouped": True}, 1.2),
    ],
    ids=str,
)
def test_finished_jobs_correct_predictions(asked: dict[str, Any], seconds: float) -> None:
    """The job of width 4 took four times as long as predicted, the one of width 64 as predicted."""
    finished = [(TRAIN, 4.0), (job(width=64, batch_size=4096), 1.0)]
    model = SpeedModel(per_step, finished)
    assert model.seconds(job(**asked)) == pytest.approx(seconds, rel=0.15)
    assert model.knows(job(**asked)) == (not set(asked) & {"kind", "model", "grouped"})


def test_without_finished_jobs_nothing_is_corrected() -> None:
    model = SpeedModel(per_step)
    assert model.seconds(TRAIN) == 1.0
    assert not model.knows(TRAIN)


@pytest.mark.parametrize(
    ("seconds", "low", "high"),
    [
        ([2.0] * 20 + [1e6], 2.0, 3.1),  # a laptop that slept
        ([2.0] * 20 + [0.0], 1.7, 2.0),
        ([1.0] * 20 + [4.0] * 8, 3.9, 4.0),  # a new version is slower: old times are forgotten
        ([float("inf"), 2.0], 1.9, 2.0),
        ([2.0, 2.2, 1.8, 2.0], 1.9, 2.1),
    ],
)
def test_outliers_and_old_times_count_little(seconds: list[float], low: float, high: float) -> None:
    model = SpeedModel(per_step, [(TRAIN, one) for one in seconds])
    assert low <= model.seconds(TRAIN) <= high


def test_corrections_add_up() -> None:
    """A stage corrects what the log has taught: here it is twice as slow as usual today."""
    usual = SpeedModel(per_step, [(TRAIN, 4.0), (job(kind="loss"), 0.5)])
    today = usual.corrected([(TRAIN, 2 * usual.seconds(TRAIN))] * 8)
    assert today.seconds(TRAIN) == pytest.approx(8.0, rel=0.05)
    slower = today.seconds(job(kind="loss")) / usual.seconds(job(kind="loss"))
    assert 1.3 < slower < 2.0  # other kinds suggest it
    assert usual.corrected([]).seconds(TRAIN) == usual.seconds(TRAIN)


@settings(deadline=None)
@given(st.lists(TIMINGS, max_size=6), st.lists(WORKS, max_size=4))
def test_predictions_are_finite(timings: list[Timing], works: list[Work]) -> None:
    model = learned_speed(timings)
    for work in works:
        assert 0 <= model.seconds(work) < float("inf")


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [
        (Attempt(4.0), 4.0),
        (Attempt(4.0, first=True), 4.0 - FIRST_JOB_SECONDS),
        (Attempt(1.0, first=True), 0.5),
        (Attempt(4.0, share=0.25), 16.0),  # three quarters came from a checkpoint
    ],
    ids=str,
)
def test_the_seconds_of_a_whole_job_in_a_warm_worker(attempt: Attempt, seconds: float) -> None:
    assert own_seconds(Timing(TRAIN, attempt)) == pytest.approx(seconds)


def test_the_start_of_workers_is_learned() -> None:
    assert learned_speed([]).worker_start == WORKER_START_SECONDS
    timings = [
        Timing(TRAIN, Attempt(1.0, started=1000 + seconds, first=first), "train", 1000.0)
        for seconds, first in ((7.0, True), (8.0, True), (9.0, True), (50.0, False))
    ]
    assert learned_speed(timings).worker_start == 8.0
    old = [Timing(TRAIN, Attempt(1.0))]  # of an earlier version
    assert learned_speed(old).worker_start == WORKER_START_SECONDS


def test_a_calibration_is_of_one_machine_and_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = tmp_path / "folder" / "calibration.json", Calibration(1.5, 0.5)
    assert read_calibration(path, "cpu") is None
    write_calibration(path, "cpu", found)
    assert read_calibration(path, "cpu") == found
    assert read_calibration(path, "cuda") is None
    monkeypatch.setattr("platform.node", lambda: "another host")
    assert read_calibration(path, "cpu") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"machine": 3}'])
def test_an_unreadable_calibration_is_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(content)
    assert read_calibration(path, "cpu") is None
    write_calibration(path / "a file is in the way", "cpu", Calibration())


def test_the_speed_of_this_machine_is_measured() -> None:
    found = measure_speed("cpu", WorkerCache())
    assert found.overhead > 0
    assert found.arithmetic > 0
