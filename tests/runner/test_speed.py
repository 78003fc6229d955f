"""Predicted seconds: starting values, corrected by finished jobs."""

from __future__ import annotations

import json
import math
from dataclasses import astuple, replace
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
    SpeedModel,
    learned_speed,
    own_seconds,
)
from landscape_catalog.runner.starting_speed import Calibration, Speed, starting_prediction
from landscape_catalog.runner.timings import Attempt, Timing, Work
from landscape_catalog.runner.worker_cache import WorkerCache
from tests.runner.test_timings import TIMINGS, TRAIN, WORKS, job

SPEED = Speed(step=0.01, weights=1e9, values=1e7, multiply_adds=1e10, job=0.5)
# Seconds of each member in a step of 10^8 multiply-adds with 25 samples: of weights, values and
# multiply-adds.
EACH = 0.004 + 0.005 + 0.01


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"steps": 1, "multiply_adds": 0}, 0.5 + 0.01),
        ({"steps": 10, "multiply_adds": 0}, 0.5 + 0.1),
        ({"steps": 10}, 0.5 + 0.1 + 10 * EACH),
        ({"steps": 10, "members": 5}, 0.5 + 0.1 + 50 * EACH),
        ({"steps": 10, "members": 5, "grouped": True}, 0.5 + 0.1 + 50 * EACH),
        # A group of one has a companion.
        ({"steps": 10, "grouped": True}, 0.5 + 0.1 + 20 * EACH),
        ({"steps": 10, "members": 2, "grouped": True}, 0.5 + 0.1 + 20 * EACH),
    ],
    ids=str,
)
def test_a_job_costs_overhead_and_arithmetic(changes: dict[str, Any], seconds: float) -> None:
    work = job(**({"multiply_adds": 10**8, "batch_size": 25} | changes))
    assert SPEED.seconds(work) == pytest.approx(seconds)


# Milliseconds per step and member on the machine of the constants: kind, members (0: alone),
# samples and multiply-adds of a step, and the time.
MEASURED = [
    ("train", 0, 8, 218_496, 4.1),
    ("train", 0, 64, 1_747_968, 6.0),
    ("train", 0, 8, 13_102_080, 4.6),
    ("train", 0, 128, 838_533_120, 62.5),  # 32 x 32, k = 4
    ("train", 0, 128, 3_354_132_480, 109.0),  # 32 x 32, k = 8
    ("train", 5, 8, 218_496, 0.279),
    ("train", 5, 128, 3_495_936, 1.33),
    ("train", 5, 64, 26_456_064, 2.27),
    ("train", 5, 8, 13_102_080, 1.46),
    ("train", 5, 32, 52_408_320, 2.83),
    ("connectivity", 25, 32, 13_228_032, 1.09),
    ("connectivity", 12, 32, 52_408_320, 2.74),
    ("barrier", 0, 32, 582_656, 0.58),
    ("barrier", 0, 32, 34_938_880, 1.35),
    ("hessian", 0, 200, 7_283_200, 14.4),
    ("hessian", 0, 200, 110_233_600, 19.8),
    ("hessian", 0, 200, 436_736_000, 39.5),
    ("loss", 0, 1437, 784_487_040, 31.7),
]


@pytest.mark.parametrize(("kind", "members", "samples", "multiply_adds", "milliseconds"), MEASURED)
def test_starting_values_are_near_the_measured_times(
    kind: str, members: int, samples: int, multiply_adds: int, milliseconds: float
) -> None:
    """Within 35%, over a range of three hundred."""
    work = job(
        kind=kind, multiply_adds=multiply_adds, batch_size=samples, members=max(members, 1),
        grouped=members > 0, steps=10**4,
    )  # fmt: skip
    each = 1e3 * starting_prediction()(work) / work.steps / work.members
    assert each == pytest.approx(milliseconds, rel=0.35)


ARITHMETIC, OVERHEAD = job(multiply_adds=10**12), job(multiply_adds=0)
GROUPED = replace(ARITHMETIC, grouped=True, members=5)


@pytest.mark.parametrize(
    ("work", "device", "calibration", "factor"),
    [
        (OVERHEAD, "cpu", Calibration(overhead=3.0), 3),
        (ARITHMETIC, "cpu", Calibration(overhead=3.0), 1),
        (OVERHEAD, "cpu", Calibration(convolutions=3.0, products=3.0), 1),
        (ARITHMETIC, "cpu", Calibration(convolutions=3.0), 3),
        (ARITHMETIC, "cpu", Calibration(products=3.0), 1),
        (GROUPED, "cpu", Calibration(products=3.0), 3),
        (GROUPED, "cpu", Calibration(convolutions=3.0), 1),
    ],
    ids=str,
)
def test_starting_values_depend_on_device_and_calibration(
    work: Work, device: str, calibration: Calibration | None, factor: float
) -> None:
    found = starting_prediction(device, calibration)(work)
    assert found == pytest.approx(factor * starting_prediction()(work), rel=0.1)


# Milliseconds for each member of a step at batch size 128 on an H100 (benchmarks/gpu.py):
# multiply-adds of a step, and runs at a time.
ON_GPU = {
    "k=2": (228_913_152, {1: 1.449, 5: 0.663, 10: 0.547, 20: 0.528}),
    "k=8": (3_407_069_184, {1: 2.369, 5: 1.461, 10: 1.385, 20: 1.403}),
    "k=16": (13_457_915_904, {1: 4.035, 5: 2.562}),
    "k=64": (213_282_324_480, {1: 19.49, 2: 17.45, 5: 16.82}),
}


@pytest.mark.parametrize("width", ON_GPU)
def test_recorded_steps_on_a_gpu(width: str) -> None:
    """Within 45%, over a range of forty."""
    multiply_adds, measured = ON_GPU[width]
    for members, milliseconds in measured.items():
        work = job(
            kind="train", multiply_adds=multiply_adds, batch_size=128, members=members, steps=10**4
        )
        each = 1e3 * starting_prediction("cuda")(work) / work.steps / members
        assert each == pytest.approx(milliseconds, rel=0.45)


@pytest.mark.parametrize(
    ("kind", "model", "longer_than"),
    [("train", "custom.net:Net", "train"), ("train", "transformer", "train"),
     ("hessian", "resnet18", "train")],
)  # fmt: skip
def test_what_is_not_recorded_takes_longer_on_a_gpu(
    kind: str, model: str, longer_than: str
) -> None:
    predict, recorded = starting_prediction("cuda"), job(kind=longer_than)
    assert predict(replace(recorded, kind=kind, model=model)) > predict(recorded)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@settings(deadline=None)
@given(WORKS, WORKS)
def test_more_work_takes_longer(device: str, work: Work, other: Work) -> None:
    predict = starting_prediction(device)
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
    path, found = tmp_path / "folder" / "calibration.json", Calibration(1.5, 0.5, 2.0)
    assert read_calibration(path, "cpu") is None
    write_calibration(path, "cpu", found)
    assert read_calibration(path, "cpu") == found
    assert read_calibration(path, "cuda") is None
    monkeypatch.setattr("platform.node", lambda: "another host")
    assert read_calibration(path, "cpu") is None


FACTORS = {"overhead": 1.0, "convolutions": 2.0, "products": 3.0}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "null", '{"machine": 3}', "{", "\x00", "[" * 10**5]
)
def test_an_unreadable_calibration_is_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(content)
    assert read_calibration(path, "cpu") is None
    write_calibration(path / "a file is in the way", "cpu", Calibration())


@pytest.mark.parametrize(
    ("factors", "is_valid"),
    [
        (FACTORS, True),
        ({"overhead": 1.0, "arithmetic": 2.0}, False),  # of an earlier version
        (FACTORS | {"more": 1.0}, False),
        (FACTORS | {"products": 0.0}, False),
        (FACTORS | {"products": -1.0}, False),
        (FACTORS | {"products": 1e-300}, False),
        (FACTORS | {"products": 1.7e308}, False),
        (FACTORS | {"products": 10**400}, False),
        (FACTORS | {"overhead": float("nan")}, False),
        (FACTORS | {"overhead": float("inf")}, False),
        (FACTORS | {"overhead": "fast"}, False),
        (FACTORS | {"overhead": None}, False),
    ],
    ids=str,
)
def test_only_positive_factors_of_all_kinds_are_a_calibration(
    factors: dict[str, Any], is_valid: bool, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    write_calibration(path, "cpu", Calibration())
    machine = json.loads(path.read_text())["machine"]
    path.write_text(json.dumps({"machine": machine, "factors": factors}))
    assert (read_calibration(path, "cpu") is not None) == is_valid


def test_the_speed_of_this_machine_is_measured() -> None:
    found = measure_speed("cpu", WorkerCache())
    assert all(0 < factor < math.inf for factor in astuple(found))
