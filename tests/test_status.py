"""`landscape status`: while a stage runs, after it has ended, failed or been killed, and before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.commands.status import describe_status
from landscape_catalog.errors import SpecError
from landscape_catalog.paths import Project
from landscape_catalog.runner.status import JobStatus, Process, StageStatus, write_status
from tests.conftest import TINY_PARAMS, environment
from tests.stages import run_stages, uses_store, wait_until, write_project

HERE = Process.own()
RUNNING = StageStatus(
    stage="train", started=1000.0, updated=1100.0, workers=2, jobs=9, done=3, failed=("x: no",),
    waiting=4, seconds_left=60.0,
    running=(
        JobStatus("one", f"{HERE.host}:7", 1050.0, 80.0, 0.5),
        JobStatus("two", "node 3:8", 1090.0, 100.0, 0.0),
        JobStatus("three", f"{HERE.host}:9", 1100.0, 100.0, 0.0, waits=True),
    ),
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(write_project(tmp_path / "project", TINY_PARAMS))


def lines(project: Project, now: float = 1110.0) -> dict[str, str]:
    """What follows each first word; the last line counts."""
    with uses_store(project.root / "store"):
        said = describe_status(project.root, now)
    return {line[:14].strip(): line[14:] for line in said.splitlines()}


def test_a_running_stage(project: Project) -> None:
    write_status(project.status, RUNNING)
    assert lines(project) == {
        "stage": f"train, running for 1 min 50 s (process {os.getpid()})",
        "jobs": "3 of 9 done, 1 of them failed, 3 running, 4 waiting",
        "time left": "about 50 s with 2 workers",
        "worker 1": "one, for 1 min 00 s of about 1 min 20 s, 50% done (process 7)",
        "worker 2": "two, for 20 s of about 1 min 40 s (process 8 on node 3)",
        "worker 3": "three, has waited for another process for 10 s (process 9)",
        "failed": "x: no",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (None, "none is running"),
        (
            {"process": Process(HERE.host, HERE.pid, HERE.started - 60)},
            "none is running; train was killed; it was last seen 10 s ago, 3 of 9 jobs done. "
            "Finished results are kept; `dvc repro` continues",
        ),
        (
            {"ended": True},
            "none is running; train was interrupted 10 s ago, 3 of 9 jobs done. "
            "Finished results are kept; `dvc repro` continues",
        ),
        (
            {"ended": True, "done": 9, "failed": ()},
            "none is running; train ended 10 s ago, 9 of 9 jobs done",
        ),
    ],
    ids=["never", "killed", "interrupted", "ended"],
)
def test_no_running_stage(project: Project, changes: dict[str, Any] | None, words: str) -> None:
    if changes is not None:
        write_status(project.status, StageStatus(**vars(RUNNING) | changes))
    found = lines(project)
    assert found["stage"] == words
    assert found["runs"] == "0 of 8 trained"
    assert found["measurements"].startswith("0 of ")


def test_failures_of_the_last_stage(project: Project) -> None:
    write_status(project.status, StageStatus(**vars(RUNNING) | {"ended": True, "done": 9}))
    failures = [{"name": f"run {n}", "reason": "ValueError", "details": ""} for n in range(7)]
    project.failures.write_text(json.dumps(failures))
    found = lines(project)
    assert found["failures"] == "7; tracebacks are in .landscape/failures.json"
    assert found["failed"] == "run 4: ValueError"
    assert found[""] == "and 2 more"
    project.failures.write_text("{")
    assert "failures" not in lines(project)


def test_a_bad_experiment_is_refused(project: Project) -> None:
    project.params.write_text("load: {width: -1}\n")
    with pytest.raises(SpecError, match=r"load\.width"):
        lines(project)
    write_status(project.status, RUNNING)  # a stage that runs has read its own
    assert lines(project)["stage"].startswith("train, running")


def test_the_stage_that_holds_the_lock_without_jobs(project: Project) -> None:
    """A command line that ends with a stage's name, as `landscape prepare` does."""
    holder = project.lock.with_name("lock.holder")
    holder.parent.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()", "prepare"], stdin=-1) as process:
        holder.write_text(str(process.pid))
        expected = f"prepare, running without jobs now (process {process.pid})"
        assert lines(project)["stage"] == expected
        os.utime(holder, (0, 0))  # written before this process started: by an earlier one
        assert lines(project)["stage"] == "none is running"
        process.kill()
    for content in (str(os.getpid()), "", "unknown"):
        holder.write_text(content)
        assert lines(project)["stage"] == "none is running"


def test_what_is_finished(project: Project) -> None:
    run_stages(project.root, project.root / "store", "prepare", "train")
    found = lines(project)
    assert found["stage"].startswith("none is running; train ended")
    assert found["runs"] == "8 of 8 trained"
    assert found["measurements"].startswith("0 of ")
    run_stages(project.root, project.root / "store", "measure")
    made, _, total, _ = lines(project)["measurements"].split()
    assert made == total


@pytest.mark.slow
def test_a_stage_in_another_terminal_that_is_killed(project: Project) -> None:
    store = project.root / "store"
    project.params.write_text(TINY_PARAMS.replace("epochs: 4", "epochs: 40", 1))
    run_stages(project.root, store, "prepare")
    command = [Path(sys.executable).parent / "landscape", "train"]
    with subprocess.Popen(
        command, cwd=project.root, env=environment(store), start_new_session=True
    ) as process:
        wait_until(lambda: "worker 1" in lines(project))
        found = lines(project)
        assert found["stage"].startswith("train, running for")
        done, _, jobs, *_ = found["jobs"].split()
        assert done == "0"
        assert 4 <= int(jobs) <= 8, "each cell's two runs are one job or two"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert "train was killed" in lines(project)["stage"]


def test_neither_status_nor_plan_imports_torch(project: Project) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from landscape_catalog.commands.status import describe_status;"
        "from landscape_catalog.commands.plan import describe_plan;"
        "print(describe_status(Path.cwd())); print(describe_plan(Path.cwd()));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, env=environment(project.root), check=True
    )
