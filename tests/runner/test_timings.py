"""Time estimates: from the nearest timed job, else from arithmetic and an assumed speed."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.errors import StorageError
from landscape_catalog.pipeline.shared.measurement_specs import (
    losses_of,
    measurements_of,
)
from landscape_catalog.pipeline.train.stage import train_work
from landscape_catalog.runner.timings import (
    KEPT_LINES,
    TimeEstimate,
    Work,
    estimate,
    log_timing,
    read_timings,
)
from tests.experiment.grids import CUSTOM_CODE, experiment_of, grid_of

TRAIN = Work("train", "resnet18", width=4, batch_size=32, steps=100, multiply_adds=300_000_000)


def job(**changes: Any) -> Work:
    return replace(TRAIN, **changes)


def test_the_cost_of_a_job() -> None:
    """A step costs its multiply-adds plus an overhead equivalent to 1e8 of them."""
    assert TRAIN.cost == 100 * (3e8 + 1e8)
    assert job(multiply_adds=0).cost == 100 * 1e8


def test_without_timings_the_estimate_is_a_guess() -> None:
    """An assumed 1e10 multiply-adds per second on a CPU core."""
    found = estimate([TRAIN, job(steps=50)], [])
    assert found == TimeEstimate(pytest.approx(150 * 4e8 / 1e10), timed=False)
    on_gpu = estimate([TRAIN, job(steps=50)], [], device="cuda")
    assert not on_gpu.timed
    assert on_gpu.seconds < found.seconds


def test_no_jobs_take_no_time() -> None:
    assert estimate([], []) == TimeEstimate(0.0, timed=True)
    assert estimate([], [(TRAIN, 3.0)]) == TimeEstimate(0.0, timed=True)


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({}, 1.0),
        ({"steps": 200}, 2.0),
        ({"steps": 1}, 0.01),
        ({"multiply_adds": 700_000_000}, 2.0),
        ({"multiply_adds": 0}, 0.25),
        ({"multiply_adds": 100_000_000, "steps": 400}, 2.0),
        ({"width": 64, "batch_size": 8}, 1.0),  # its arithmetic is said, its width is not
    ],
)
def test_seconds_scale_with_the_cost(changes: dict[str, Any], share: float) -> None:
    found = estimate([job(**changes)], [(TRAIN, 12.0)])
    assert found == TimeEstimate(pytest.approx(12.0 * share), timed=True)


def test_only_jobs_of_the_same_kind_and_network_count() -> None:
    timings = [(TRAIN, 12.0)]
    for other in (job(kind="hessian"), job(model="vgg11"), job(kind="loss", model="mine:network")):
        found = estimate([other], timings)
        assert found == TimeEstimate(pytest.approx(100 * 4e8 / 1e10), timed=False)


def test_one_untimed_job_makes_the_total_a_guess() -> None:
    found = estimate([TRAIN, job(kind="hessian"), TRAIN], [(TRAIN, 12.0)])
    assert found == TimeEstimate(pytest.approx(12.0 + 4.0 + 12.0), timed=False)


@pytest.mark.parametrize(
    ("width", "batch_size", "seconds"),
    [
        (2, 16, 1.0),
        (5, 16, 1.0),  # nearer to 2 than to 16 in logarithms: 2.5 against 3.2
        (6, 16, 10.0),  # 3 against 2.7
        (100, 16, 10.0),
        (2, 1024, 100.0),
        (2, 120, 1.0),  # 7.5 against 8.5
        (2, 140, 100.0),  # 8.75 against 7.3
        (16, 128, 10.0),  # 8 of batch against 8 of width and 8 of batch
    ],
)
def test_the_nearest_job_in_width_and_batch(width: int, batch_size: int, seconds: float) -> None:
    timings = [
        (job(width=2, batch_size=16), 1.0),
        (job(width=16, batch_size=16), 10.0),
        (job(width=2, batch_size=1024), 100.0),
    ]
    asked = [job(width=width, batch_size=batch_size)]
    for order in (timings, timings[::-1]):
        assert estimate(asked, order) == TimeEstimate(pytest.approx(seconds), timed=True)


def test_among_equally_near_jobs_the_newest_counts() -> None:
    timings = [(TRAIN, 5.0), (job(steps=200), 6.0), (job(width=8), 1.0)]
    assert estimate([TRAIN], timings).seconds == pytest.approx(3.0)


WORKS = st.builds(
    Work,
    kind=st.sampled_from(["train", "hessian"]),
    model=st.sampled_from(["resnet18", "mine:network"]),
    width=st.integers(1, 512),
    batch_size=st.integers(2, 8192),
    steps=st.integers(1, 10**6),
    multiply_adds=st.integers(0, 10**13),
)
TIMED = st.lists(st.tuples(WORKS, st.floats(0, 1e6)), max_size=6)


@settings(deadline=None)
@given(st.lists(WORKS, max_size=4), st.lists(WORKS, max_size=4), TIMED)
def test_jobs_add_up(some: list[Work], others: list[Work], timings: Any) -> None:
    parts = [estimate(jobs, timings) for jobs in (some, others)]
    whole = estimate(some + others, timings)
    assert whole.seconds == pytest.approx(sum(part.seconds for part in parts))
    assert whole.timed == all(part.timed for part in parts)


@settings(deadline=None, max_examples=40)
@given(TIMED)
def test_timings_read_back_as_logged(timings: list[tuple[Work, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "not yet there" / "timings.jsonl"
        assert read_timings(path) == []
        for work, seconds in timings:
            log_timing(path, work, seconds)
        assert [work for work, _ in read_timings(path)] == [work for work, _ in timings]
        for (_, found), (_, seconds) in zip(read_timings(path), timings, strict=True):
            assert found == pytest.approx(seconds, abs=1e-4)


def test_unreadable_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    log_timing(path, TRAIN, 1.0)
    lines = [
        '{"kind": "tra',  # cut off by a kill
        "",
        "[]",
        json.dumps({"kind": "train", "width": 2, "batch_size": 16, "steps": 9, "seconds": 1.0}),
        json.dumps({**asdict(TRAIN), "seconds": "long"}),
        json.dumps(asdict(TRAIN)),
        json.dumps({**asdict(TRAIN), "seconds": 1.0, "more": 1}),
    ]
    with path.open("a") as stream:
        stream.write("\n".join(lines) + "\n")
    log_timing(path, job(steps=7), 2.0)
    assert read_timings(path) == [(TRAIN, 1.0), (job(steps=7), 2.0)]


def test_only_the_newest_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    line = json.dumps({**asdict(TRAIN), "seconds": 1.0}) + "\n"
    path.write_text(line * KEPT_LINES)
    log_timing(path, job(steps=7), 2.0)
    found = read_timings(path)
    assert len(found) == KEPT_LINES
    assert found[-1] == (job(steps=7), 2.0)


def test_a_log_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        log_timing(tmp_path / "file" / "timings.jsonl", TRAIN, 1.0)


# A forward pass of ResNet18(1) on 1 x 8 x 8: the stem, the first block's four convolutions on
# 8 x 8, then stages of 2, 4, 8 channels on 4 x 4, 2 x 2, 1 x 1 with their shortcuts, the classifier.
FORWARD = (
    9 * 64
    + 4 * 9 * 64
    + (9 * 2 + 2 + 3 * 9 * 4) * 16
    + (9 * 8 + 8 + 3 * 9 * 16) * 4
    + (9 * 32 + 32 + 3 * 9 * 64) * 1
    + 8 * 10
)
SMALL = {"load": {"width": 1, "samples": 1000}, "temperature": {"batch_size": 32}}


def test_the_size_of_training() -> None:
    """Three forward passes per step, 31 steps per epoch of 1,000 samples."""
    (run, *_) = grid_of(SMALL | {"train.epochs": 7}).runs
    assert train_work(run) == Work("train", "resnet18", 1, 32, 7 * 31, 3 * 32 * FORWARD)
    (run, *_) = grid_of(SMALL | {"train.stopping": "updates", "train.updates": 50}).runs
    assert train_work(run).steps == 50
    (run, *_) = grid_of(SMALL | {"train.stopping": "epochs", "train.updates": 50}).runs
    assert train_work(run).steps == 150 * 31


def test_the_size_of_measurements() -> None:
    changes = SMALL | {
        "measure.hessian": {"samples": 100, "max_iterations": 9},
        "measure.connectivity": [
            {"epochs": 4, "batch_size": 64, "points": 3},
            {"name": "by updates", "updates": 33, "batch_size": 64, "points": 3},
        ],
        "measure.similarity": {"samples": 300},
    }
    measure, runs = experiment_of(changes).measure, grid_of(changes).cells[0].runs
    further = measurements_of(runs, measure, {})
    needed = losses_of(runs[:1], measure)
    needed += [item for item in further if len(item.runs) == 2 or item.runs == runs[:1]]
    an_epoch = 1000 // 64
    assert [item.work for item in needed] == [
        Work("loss", "resnet18", 1, 1000, 1, 1000 * FORWARD),
        Work("hessian", "resnet18", 1, 100, 2 * 9, 4 * 100 * FORWARD),
        Work("connectivity", "resnet18", 1, 64, (4 + 3) * an_epoch, 3 * 64 * FORWARD),
        Work("connectivity", "resnet18", 1, 64, 33 + 3 * an_epoch, 3 * 64 * FORWARD),
        Work("barrier", "resnet18", 1, 64, 3 * an_epoch, 2 * 64 * FORWARD),
        Work("similarity", "resnet18", 1, 300, 1, 300 * FORWARD),
        Work("distance", "resnet18", 1, 1000, 1, 0),
    ]


def test_a_custom_network_costs_only_overhead() -> None:
    work = train_work(grid_of(CUSTOM_CODE | {"train.epochs": 2}).runs[0])
    assert (work.model, work.multiply_adds) == ("mine:network", 0)
    assert work.cost == 2 * (540 // 16) * 1e8
