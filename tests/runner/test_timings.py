"""The size of jobs, and the log of how long they took."""

from __future__ import annotations

import json
import math
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
    Attempt,
    Timing,
    Work,
    log_timing,
    read_timings,
)
from tests.experiment.grids import CUSTOM_CODE, experiment_of, grid_of

TRAIN = Work("train", "resnet18", width=4, batch_size=32, steps=100, multiply_adds=300_000_000)
RAN = Timing(TRAIN, Attempt(2.0, "host:7", 1000.5, first=True, share=0.5), "train", 999.0, 1.5)


def job(**changes: Any) -> Work:
    return replace(TRAIN, **changes)


WORKS = st.builds(
    Work,
    kind=st.sampled_from(["train", "hessian"]),
    model=st.sampled_from(["resnet18", "mine:network"]),
    width=st.integers(1, 512),
    batch_size=st.integers(2, 8192),
    steps=st.integers(1, 10**6),
    multiply_adds=st.integers(0, 10**13),
    members=st.integers(1, 64),
    grouped=st.booleans(),
)
SECONDS = st.integers(0, 10**9).map(lambda number: number / 1000)
TIMINGS = st.builds(
    Timing,
    work=WORKS,
    attempt=st.builds(
        Attempt,
        seconds=SECONDS,
        worker=st.sampled_from(["host:7", "node 1:12"]),
        started=SECONDS,
        first=st.booleans(),
        share=st.sampled_from([1.0, 0.25]),
    ),
    stage=st.sampled_from(["train", "measure losses"]),
    stage_started=SECONDS,
    predicted=SECONDS,
    device=st.sampled_from(["cpu", "cuda", "mps"]),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(TIMINGS, max_size=6))
def test_timings_read_back_as_logged(timings: list[Timing]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "not yet there" / "timings.jsonl"
        assert read_timings(path) == []
        for timing in timings:
            log_timing(path, timing)
        assert read_timings(path) == timings


def test_the_end_of_an_attempt() -> None:
    assert RAN.attempt.ended == 1002.5


def test_lines_of_earlier_versions_hold_the_size_and_the_seconds(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    old = {key: value for key, value in asdict(TRAIN).items() if key not in ("members", "grouped")}
    path.write_text(json.dumps({**old, "seconds": 3}) + "\n")
    assert read_timings(path) == [Timing(TRAIN, Attempt(3.0))]


def test_unreadable_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    log_timing(path, RAN)
    lines = [
        '{"kind": "tra',  # cut off by a kill
        "",
        "[]",
        json.dumps({"kind": "train", "width": 2, "batch_size": 16, "steps": 9, "seconds": 1.0}),
        json.dumps({**asdict(TRAIN), "seconds": "long"}),
        json.dumps(asdict(TRAIN)),
        json.dumps({**asdict(TRAIN), "seconds": 1.0, "more": 1}),
        *(
            json.dumps({**asdict(TRAIN), "seconds": 1.0, **wrong})
            for wrong in (
                {"batch_size": 0}, {"members": 0}, {"multiply_adds": -5}, {"width": "two"},
                {"kind": ["train"]}, {"seconds": -1}, {"seconds": math.inf}, {"share": math.nan},
                {"seconds": 10**400}, {"grouped": None}, {"stage": 3}, {"device": 0},
            )
        ),
        "[" * 10**5,
    ]  # fmt: skip
    with path.open("ab") as stream:
        stream.write(("\n".join(lines) + "\n").encode() + b"\xff\xfe\n")
    log_timing(path, replace(RAN, work=job(steps=7)))
    assert read_timings(path) == [RAN, replace(RAN, work=job(steps=7))]


def test_only_the_newest_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    line = json.dumps({**asdict(TRAIN), "seconds": 1.0}) + "\n"
    path.write_text(line * KEPT_LINES)
    log_timing(path, replace(RAN, work=job(steps=7)))
    found = read_timings(path)
    assert len(found) == KEPT_LINES
    assert found[-1].work == job(steps=7)


def test_a_log_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        log_timing(tmp_path / "file" / "timings.jsonl", RAN)


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
    assert work.steps == 2 * (540 // 16)
