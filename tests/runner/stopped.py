"""A stage of sleeping jobs in worker processes, for `test_stopping`; it needs no torch.

`python -m tests.runner.stopped FOLDER COUNT [START]`: each worker and each job leaves a file.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from landscape_catalog import cli
from landscape_catalog.runner import processes
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.timings import Work

FOLDER = "STOPPED_FOLDER"
_usual_start = processes._start_worker


def sleep(payload: Any, cache: Any) -> None:
    """A job that catches what it can, as a user's code may."""
    (Path(os.environ[FOLDER]) / f"job-{payload}").touch()
    time.sleep(60)


def end(payload: Any, cache: Any) -> None:
    (Path(os.environ[FOLDER]) / f"job-{payload}").touch()


def deaf(payload: Any, cache: Any) -> None:
    """A job that does not end when it is asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(payload, cache)


def start_slowly() -> None:
    (Path(os.environ[FOLDER]) / f"start-{os.getpid()}").touch()
    time.sleep(60)


def first_two_die() -> None:
    for number in (1, 2):
        try:
            (Path(os.environ[FOLDER]) / f"died-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    _usual_start()


def all_die() -> None:
    (Path(os.environ[FOLDER]) / f"died-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def stage(function: Any, count: int) -> None:
    jobs = [Job(str(i), i, Work("train", "resnet18", 1, 1, 1, 0)) for i in range(2 * count)]
    done = []
    with processes.ProcessExecutor(count) as executor:
        run_jobs(executor, function, jobs, on_done=lambda job, attempt: done.append(attempt))
    print(f"{sum(attempt is not None for attempt in done)} done")


if __name__ == "__main__":
    os.environ[FOLDER], count, job, start = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    from tests.runner import stopped  # as workers know it

    processes._start_worker = getattr(stopped, start, _usual_start)
    sys.argv = ["landscape", "train"]
    cli.app = lambda standalone_mode: stage(getattr(stopped, job), count)  # type: ignore[assignment]
    cli.main()
