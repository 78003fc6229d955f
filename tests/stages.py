"""Stages in this process: what they do, log and refuse, without `dvc` and without the command line.

Projects whose params say `engine: serial` need no other process at all.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from landscape_catalog.commands.plan import describe_plan
from landscape_catalog.paths import STORE_VARIABLE
from landscape_catalog.pipeline.aggregate.stage import run_aggregate
from landscape_catalog.pipeline.measure.stage import run_measure
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.report.stage import run_report
from landscape_catalog.pipeline.train.stage import run_train

ROOT = Path(__file__).resolve().parent.parent
STAGES = {
    "prepare": run_prepare,
    "train": run_train,
    "measure": run_measure,
    "aggregate": run_aggregate,
    "report": run_report,
}
SERIAL = "execution: {device: cpu, engine: serial}\n"


def write_project(folder: Path, params: str) -> Path:
    """A folder with this experiment and the shipped stages, and nothing of Git or DVC's own."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "params.yaml").write_text(params)
    return folder


@contextmanager
def uses_store(store: Path) -> Iterator[None]:
    """Everything within shares what is finished through this store."""
    with mock.patch.dict(os.environ, {STORE_VARIABLE: str(store)}):
        yield


def run_stages(folder: Path, store: Path, *names: str, said: list[str] | None = None) -> str:
    """Run these stages, or all five; returns what they logged. What they raise is raised.

    Args:
        folder: of the project.
        store: where finished things are shared.
        names: of the stages.
        said: where each message goes as it comes, if somebody wants to see it earlier.
    """
    said = [] if said is None else said
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[assignment]
    log = logging.getLogger("landscape_catalog")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with uses_store(store):
            for name in names or STAGES:
                STAGES[name](folder)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    return "\n".join(said)


def plan(folder: Path, store: Path) -> str:
    """What `landscape plan` prints."""
    with uses_store(store):
        return describe_plan(folder)


def counts(output: str) -> dict[str, int]:
    """Runs trained and measurements made, from the log."""
    trained = re.search(r"(\d+) to train", output)
    made = re.search(r"(\d+) made", output)
    return {"trained": int(trained[1]) if trained else 0, "made": int(made[1]) if made else 0}


def run_ids(folder: Path) -> set[str]:
    return {item.name for item in (folder / "data" / "runs").iterdir()} - {".gitignore"}


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Look again and again until something is so; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)
