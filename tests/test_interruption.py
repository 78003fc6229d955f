"""Killed at any moment, the pipeline completes without retraining and gives the same bytes.

`INTERRUPTIONS=4 pytest tests/test_interruption.py` tries four moments of each stage.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.conftest import TINY_PARAMS, environment, make_project, run
from tests.stages import run_ids, run_stages, wait_until, write_project
from tests.test_pipeline import outputs

pytestmark = pytest.mark.slow
MOMENTS = [1, 0, 2, 3][
    : int(os.environ.get("INTERRUPTIONS", "1"))
]  # kill once this many items are finished
NAMES = {"train": "runs", "measure": "measurements"}
PARAMS = TINY_PARAMS.replace("batch_size: [16, 32]", "batch_size: 16").replace(
    "engine: serial", "engine: local"
)


def finished_things(folder: Path, stage: str) -> dict[str, int]:
    """Name and modification time of each complete item in a stage's folder."""
    items = (folder / "data" / NAMES[stage]).glob("[!.]*")
    return {item.name: item.stat().st_mtime_ns for item in items if item.name != ".gitignore"}


def start(folder: Path, store: Path, *words: str, **pipes: int) -> subprocess.Popen[str]:
    """Start a command as the leader of its own process group."""
    where = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | pipes
    return subprocess.Popen(
        words, cwd=folder, env=environment(store), start_new_session=True, text=True, **where
    )


@pytest.fixture
def undisturbed(finished: tuple[Path, Path], tmp_path: Path) -> Path:
    """The same experiment without a kill: the results of `finished`, aggregated separately."""
    folder = write_project(tmp_path / "undisturbed", PARAMS)
    shutil.copytree(finished[1], tmp_path / "its store")
    run_stages(folder, tmp_path / "its store")
    return folder


@pytest.mark.parametrize("stage", ["train", "measure"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_9(stage: str, moment: int, undisturbed: Path, tmp_path: Path) -> None:
    folder, store = make_project(tmp_path / "killed", PARAMS), tmp_path / "store"
    if stage == "measure":
        shutil.copytree(undisturbed / "data" / "runs", store / "runs")
        run(folder, store, "dvc", "repro", "train")
    process = start(folder, store, "dvc", "repro")
    wait_until(lambda: len(finished_things(folder, stage)) >= moment)
    everyone = [psutil.Process(process.pid)]
    everyone += everyone[0].children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(everyone, timeout=20)
    assert not alive, "workers do not notice that their parent is gone"
    kept = finished_things(folder, stage)
    assert len(kept) >= moment
    run(folder, store, "dvc", "repro")
    after = finished_things(folder, stage)
    assert {name: after[name] for name in kept if name in after} == kept, "made again"
    assert outputs(folder) == outputs(undisturbed)
    assert run_ids(folder) == run_ids(undisturbed)


def test_ctrl_c_reports_what_is_saved(tmp_path: Path) -> None:
    folder, store = write_project(tmp_path / "stopped", PARAMS), tmp_path / "store"
    run_stages(folder, store, "prepare")
    process = start(folder, store, "landscape", "train", stderr=subprocess.PIPE)
    wait_until(lambda: finished_things(folder, "train"))
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        "of 2 jobs of `train` are done, and what others had finished is kept" in said
    )  # two cells of two seeds
    assert "`dvc repro` continues" in said
    assert "Traceback" not in said
    kept = finished_things(folder, "train")
    assert kept
    run_stages(folder, store, "train")
    after = finished_things(folder, "train")
    assert {name: after[name] for name in kept} == kept
    assert len(after) == 4
