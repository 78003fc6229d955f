"""The time that a plan gives where workers have GPUs: made-up machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from landscape_catalog.commands.planned_time import planned_time
from landscape_catalog.commands.remaining import what_is_left
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.runner import device
from landscape_catalog.runner.timings import Attempt, Timing, Work, log_timing
from tests.conftest import TINY_PARAMS
from tests.stages import uses_store, write_project

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that plans on a machine with so many GPUs and workers."""
    folder = write_project(tmp_path / "project", "")

    def planned(gpus: int, workers: int | str) -> str:
        monkeypatch.setattr(device, "usable_gpus", lambda kind: gpus if kind == "cuda" else 0)
        params = yaml.safe_load(TINY_PARAMS)
        params["execution"] = {"device": "auto", "workers": workers}
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        workspace = open_workspace(folder)
        return planned_time(workspace, what_is_left(workspace))

    with uses_store(tmp_path / "store"):
        yield planned


def seconds(words: str) -> float:
    """The predicted time, from "about 3 min 21 s with"."""
    time = words.removeprefix("about ").partition(" with ")[0]
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+) (s|min|h|d)", time))


def test_workers_that_share_a_gpu_add_no_speed(plan: Any) -> None:
    alone = plan(1, "auto")
    assert " with 1 worker on cuda: " in alone
    shared = plan(1, 4)
    assert " with 4 workers on cuda, which share the time of 1 GPU: " in shared
    assert seconds(shared) >= seconds(alone) > 0
    assert " with 4 workers on cuda, which share the time of 2 GPUs: " in plan(2, 4)


def test_gpus_do_and_so_do_cores(plan: Any) -> None:
    one, four = plan(1, "auto"), plan(4, "auto")
    assert " with 4 workers on cuda: " in four
    assert seconds(four) < seconds(one)
    assert seconds(plan(0, 2)) < seconds(plan(0, 1))
    assert "share" not in plan(0, 2)
    assert plan(4, 1).startswith(one.partition(" with ")[0])  # three GPUs are idle


def test_times_of_the_cpu_do_not_count_on_a_gpu(plan: Any, tmp_path: Path) -> None:
    before = plan(1, "auto")
    timings = tmp_path / "project" / ".landscape" / "timings.jsonl"
    for kind in ("train", "loss", "hessian", "connectivity", "barrier", "similarity", "distance"):
        work = Work(kind, "resnet18", 4, 32, 10, 10**6)
        log_timing(timings, Timing(work, Attempt(1000.0)))
    assert plan(1, "auto") == before
    assert plan(0, 1) != before
