"""Killed at any moment, the pipeline completes, trains no finished run again, and gives equal bytes.

`INTERRUPTIONS=10 pytest tests/test_interruption.py` tries ten moments of each stage.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import TINY_PARAMS, environment, make_project, run
from tests.test_pipeline import outputs, run_ids

MOMENTS = int(os.environ.get("INTERRUPTIONS", "1"))
NAMES = {"train": "runs", "measure": "measurements"}


def finished_things(folder: Path, stage: str) -> dict[str, int]:
    """Name and time of making of each complete thing in a stage's folder."""
    items = (folder / "data" / NAMES[stage]).glob("[!.]*")
    return {item.name: item.stat().st_mtime_ns for item in items if item.name != ".gitignore"}


def start(folder: Path, store: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words, cwd=folder, env=environment(store), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("stage", ["train", "measure"])
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_kill_9(stage: str, moment: int, finished: tuple[Path, Path], tmp_path: Path) -> None:
    folder, store = make_project(tmp_path / "killed", TINY_PARAMS), tmp_path / "store"
    if stage == "measure":
        run(folder, store, "dvc", "repro", "train")
    process = start(folder, store, "dvc", "repro")
    random.seed(f"{stage} {moment}")
    # Some moment of the stage: while it starts, or after some of its things are finished.
    wanted = random.choice([0, 1, 3, 5])
    deadline = time.monotonic() + 60
    while len(finished_things(folder, stage)) < wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.uniform(0, 1.5))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1.2)  # workers notice that their parent is gone
    kept = finished_things(folder, stage)
    run(folder, store, "dvc", "repro")
    after = finished_things(folder, stage)
    assert {name: after[name] for name in kept if name in after} == kept, "made again"
    assert outputs(folder) == outputs(finished[0])
    assert run_ids(folder) == run_ids(finished[0])


def test_ctrl_c_says_what_is_saved(tmp_path: Path) -> None:
    folder, store = make_project(tmp_path / "stopped", TINY_PARAMS), tmp_path / "store"
    run(folder, store, "landscape", "prepare")
    process = subprocess.Popen(
        ["landscape", "train"], cwd=folder, env=environment(store), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not finished_things(folder, "train") and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "of 8 jobs of `train` are saved" in said
    assert "`dvc repro` goes on" in said
    assert "Traceback" not in said
    kept = finished_things(folder, "train")
    assert kept
    run(folder, store, "landscape", "train")
    after = finished_things(folder, "train")
    assert {name: after[name] for name in kept} == kept
    assert len(after) == 8
