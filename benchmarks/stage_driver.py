"""Runs the stage `train` for a benchmark, in a process whose workers have started already.

A script that `benchmarks.product` starts with some checkout of the package on its PYTHONPATH; it
knows the package only through the stages `prepare` and `train`. Commands are lines of JSON on
stdin, and so are the answers on stdout:

- `{"do": "prepare", "project": ...}` prepares the data;
- `{"do": "start", "project": ...}` starts the workers that the project's parameters ask for, lets
  each import torch and the stage's code, and answers with their process ids;
- `{"do": "train", "project": ...}` runs the stage on these workers.

Each answer holds the seconds that this took. At the end of stdin the workers are stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

TRIES = 20


def warm(seconds: float, cache: Any) -> int:
    """Import what training needs, and stay busy until every other worker has a job as well."""
    from landscape_catalog.pipeline.train import worker

    assert worker
    time.sleep(seconds)
    return os.getpid()


class Driver:
    """The workers, which serve one project after the other."""

    def __init__(self) -> None:
        self.executor: Any = None

    def prepare(self, project: Path) -> dict[str, Any]:
        """Prepare the project's data."""
        from landscape_catalog.pipeline.prepare.stage import run_prepare

        run_prepare(project)
        return {}

    def start(self, project: Path) -> dict[str, Any]:
        """Start new workers; those of an earlier call are stopped."""
        from landscape_catalog.pipeline.shared.workspace import open_workspace
        from landscape_catalog.runner.registry import chosen_executor

        self.stop()
        self.executor = chosen_executor(open_workspace(project).execution)
        count, found = self.executor.count, set[int]()
        for _ in range(TRIES):
            jobs = [self.executor.submit(warm, 0.2) for _ in range(count)]
            found |= {job.result() for job in jobs}
            if len(found) >= count:
                return {"workers": sorted(found)}
        raise RuntimeError(f"only {len(found)} of {count} workers have started")

    def train(self, project: Path) -> dict[str, Any]:
        """Run the stage on the workers, which it does not stop."""
        from landscape_catalog.pipeline.train import stage

        lent = contextlib.nullcontext(self.executor)
        with mock.patch.object(stage, "chosen_executor", lambda *_, **__: lent):
            stage.run_train(project)
        return {"runs": sum(1 for item in (project / "data" / "runs").iterdir() if item.is_dir())}

    def stop(self) -> None:
        """Stop the workers."""
        if self.executor is not None:
            self.executor.shutdown()
            self.executor = None


def main() -> None:
    """Answer commands until stdin ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a stage prints is no answer
    driver = Driver()
    for line in sys.stdin:
        command = json.loads(line)
        started = time.perf_counter()
        answer = getattr(driver, command["do"])(Path(command["project"]))
        answer["seconds"] = time.perf_counter() - started
        print(json.dumps(answer), file=answers, flush=True)
    driver.stop()


if __name__ == "__main__":
    main()
