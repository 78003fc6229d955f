"""Runs many independent jobs on an executor; a failing job does not stop the others."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from landscape_catalog.errors import (
    DeviceFailedError,
    OutOfMemoryError,
    StorageError,
    WorkerDiedError,
    WorkerStartError,
    described,
)
from landscape_catalog.runner.activity import announced, resumed_share, waited_seconds, worker_name
from landscape_catalog.runner.executor import Executor, JobFunction
from landscape_catalog.runner.memory import named_memory_errors
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.starting_speed import starting_prediction
from landscape_catalog.runner.timings import Attempt, Work
from landscape_catalog.runner.worker_cache import CacheKind, WorkerCache

SUBMITTED = 2  # jobs submitted per worker, so that a worker that finishes has its next job ready
SECONDS_BETWEEN_TICKS = 1.0
SEEN: CacheKind[bool] = CacheKind("worker has run a job", most=1)


@dataclass(frozen=True)
class Job:
    """One unit of work.

    Attributes:
        name: shown in progress and failure messages.
        payload: argument of the job's function.
        work: size of the job.
    """

    name: str
    payload: Any
    work: Work


@dataclass(frozen=True)
class Failure:
    """A failed job, with a one-line reason and the traceback."""

    name: str
    reason: str
    details: str


Recovery = Callable[[Job, WorkerDiedError | OutOfMemoryError], Sequence[Job]]
"""The jobs that replace one whose worker died or ran out of memory; none: it has failed."""


def run_jobs(
    executor: Executor,
    function: JobFunction[Any],
    jobs: Sequence[Job],
    *,
    on_done: Callable[[Job, Attempt | None], None],
    on_submit: Callable[[Job], None] = lambda job: None,
    on_replace: Callable[[Job, Sequence[Job]], None] = lambda job, others: None,
    on_tick: Callable[[], None] = lambda: None,
    recover: Recovery = lambda job, error: (),
    speed: SpeedModel | None = None,
    activities: Path | None = None,
) -> list[Failure]:
    """Run all jobs, the longest first, so that no worker is left with a long one at the end.

    A job that raises, or whose worker dies (e.g. out of memory) and which `recover` does not
    replace, becomes a `Failure`; the others continue. A full or read-only disk aborts everything,
    since all other jobs would fail as well, and so do workers that cannot start. On Ctrl-C the
    executor's `__exit__` cancels: running jobs are lost, finished ones are kept.

    Args:
        executor: the executor to run them on.
        function: a module-level function, called with a job's payload and its worker's cache.
        jobs: the jobs.
        on_done: called in this process with each job and when and where it ran, or None if it
            failed. Jobs that `recover` replaces are not reported, but those that replace them.
        on_submit: called before a job is submitted, in the order in which workers take them.
        on_replace: called with a job that `recover` replaces, and the jobs that replace it.
        on_tick: called every second, unless a job runs in this process.
        recover: may replace a job whose worker died or ran out of memory.
        speed: predicts how long jobs take; None: from the starting values.
        activities: folder in which workers announce their jobs, if they can reach it.

    Returns:
        The failures, in the order of `jobs`.

    Raises:
        StorageError: if a job could not write its result.
        WorkerStartError: if workers repeatedly end before they take a job.
    """
    speed = speed or SpeedModel(starting_prediction())
    failures: list[Failure] = []
    waiting = deque(sorted(jobs, key=lambda job: -speed.seconds(job.work)))
    running: dict[Future[Attempt], Job] = {}
    place = {job.name: number for number, job in enumerate(jobs)}
    not_started, most = 0, SUBMITTED * executor.count  # a second attempt for each
    while waiting or running:
        while waiting and len(running) < SUBMITTED * executor.count:
            job = waiting.popleft()
            on_submit(job)
            future = executor.submit(partial(_timed, function, job.name, activities), job.payload)
            running[future] = job
            if future.done():  # a serial executor: report each job before submitting the next
                break
        ended = wait(running, timeout=SECONDS_BETWEEN_TICKS, return_when=FIRST_COMPLETED).done
        for future in ended:
            job, error = running.pop(future), future.exception()
            if isinstance(error, WorkerStartError) and not_started < most:
                not_started += 1
                waiting.appendleft(job)
                continue
            not_started = 0
            if isinstance(error, (StorageError, WorkerStartError)):
                raise error
            if isinstance(error, (WorkerDiedError, OutOfMemoryError)):
                instead = recover(job, error)
                if instead:
                    on_replace(job, instead)
                    waiting.extendleft(reversed(instead))
                    place.update((part.name, place[job.name]) for part in instead)
                    continue
            if error is not None:
                failures.append(_failure(job, error))
            on_done(job, future.result() if error is None else None)
        if not ended:
            on_tick()
    return sorted(failures, key=lambda failure: place[failure.name])


def _timed(
    function: JobFunction[Any], name: str, activities: Path | None, payload: Any, cache: WorkerCache
) -> Attempt:
    """Run a job in its worker; returns when and where it ran."""
    first = cache.peek(SEEN, "job") is None
    cache.put(SEEN, "job", True)
    started, before = time.time(), time.perf_counter()
    with announced(activities, name, first=first):
        with named_memory_errors():
            function(payload, cache)
        waited = waited_seconds()
        seconds = time.perf_counter() - before - waited
        share = 1 - resumed_share()
    return Attempt(seconds, worker_name(), started + waited, first, share)


def _failure(job: Job, error: BaseException) -> Failure:
    known = isinstance(error, (WorkerDiedError, OutOfMemoryError, DeviceFailedError))
    reason = str(error) if known else described(error)
    return Failure(job.name, reason, "".join(traceback.format_exception(error)))
