"""Many independent jobs on an executor, where one that fails does not stop the others."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from landscape_catalog.errors import StorageError, WorkerDiedError
from landscape_catalog.runner.executor import Executor, JobFunction
from landscape_catalog.runner.timings import Work
from landscape_catalog.runner.worker_cache import WorkerCache

SUBMITTED = 2  # jobs handed in for each that can run, so that no worker waits for its next one


@dataclass(frozen=True)
class Job:
    """One piece of work: a name for people, what the function gets, and its size."""

    name: str
    payload: Any
    work: Work


@dataclass(frozen=True)
class Failure:
    """A job that did not finish, and why."""

    name: str
    reason: str
    details: str


def run_jobs(
    executor: Executor,
    function: JobFunction[Any],
    jobs: Sequence[Job],
    *,
    on_done: Callable[[Job, float | None], None],
) -> list[Failure]:
    """Do every job, the most costly first.

    A job that raises, or whose worker dies (out of memory), is a `Failure`; the others go on. A
    full or read-only disk ends everything, since every other job would fail alike. Ctrl-C leaves
    through the executor's `__exit__`, which cancels: jobs at work are lost, finished ones are kept.

    Args:
        executor: where to do them.
        function: a function of a module, called with a job's payload and its worker's cache.
        jobs: what to do.
        on_done: called in this process with a job and its seconds, None if it failed.

    Returns:
        The failures, in the order of `jobs`.

    Raises:
        StorageError: if a job could not write.
    """
    failures: dict[str, Failure] = {}
    waiting = deque(sorted(jobs, key=lambda job: -job.work.cost))
    running: dict[Future[float], Job] = {}
    while waiting or running:
        while waiting and len(running) < SUBMITTED * executor.count:
            job = waiting.popleft()
            future = executor.submit(partial(_timed, function), job.payload)
            running[future] = job
            if future.done():  # an executor in this process: each job is reported as it ends
                break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            job, error = running.pop(future), future.exception()
            if isinstance(error, StorageError):
                raise error
            if error is not None:
                failures[job.name] = _failure(job, error)
            on_done(job, future.result() if error is None else None)
    return [failures[job.name] for job in jobs if job.name in failures]


def _timed(function: JobFunction[Any], payload: Any, cache: WorkerCache) -> float:
    started = time.perf_counter()
    function(payload, cache)
    return time.perf_counter() - started


def _failure(job: Job, error: BaseException) -> Failure:
    known = isinstance(error, WorkerDiedError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    return Failure(job.name, reason, "".join(traceback.format_exception(error)))
