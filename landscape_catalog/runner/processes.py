"""Many independent jobs in parallel processes, where one that fails does not stop the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pebble import ProcessPool
from pebble.common.types import ProcessExpired

from landscape_catalog.errors import StorageError
from landscape_catalog.runner.memory import keep_freed_memory


@dataclass(frozen=True)
class Job:
    """One piece of work: a name for people, what the worker gets, and a relative cost."""

    name: str
    payload: Any
    cost: float = 1.0


@dataclass(frozen=True)
class Failure:
    """A job that did not finish, and why."""

    name: str
    reason: str
    details: str


class Workers:
    """Processes that do jobs, started with the first of them and kept for the next batch.

    Each process uses one thread of torch and dies with this one.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ProcessPool | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        if error is None:
            self._pool.close()
            self._pool.join()
        else:
            self._pool.stop()
            self._pool.join(timeout=10)

    def run(
        self,
        work: Callable[[Any], None],
        jobs: Sequence[Job],
        *,
        on_done: Callable[[Job, float | None], None],
    ) -> list[Failure]:
        """Do every job, the most costly first.

        A job that raises, or whose process dies (no memory), is a `Failure`; the others go on. A
        full or read-only disk ends everything, since every other job would fail alike. Ctrl-C
        leaves through `__exit__`, which stops the processes: what they were at is lost, what is
        done is kept.

        Args:
            work: a function of a module, called with a job's payload.
            jobs: what to do.
            on_done: called in this process with a job and its seconds, None if it failed.

        Returns:
            The failures, in the order of `jobs`.

        Raises:
            StorageError: if a process could not write.
        """
        failures: dict[str, Failure] = {}
        ordered = sorted(jobs, key=lambda job: -job.cost)
        pool = self._started()
        futures: dict[Any, Job] = {
            pool.schedule(_timed, args=[work, job.payload]): job for job in ordered
        }
        pending: set[Any] = set(futures)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                job = futures[future]
                error = future.exception()
                if isinstance(error, StorageError):
                    raise error
                if error is not None:
                    failures[job.name] = _failure(job, error)
                on_done(job, future.result() if error is None else None)
        return [failures[job.name] for job in jobs if job.name in failures]

    def _started(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.count,
                initializer=_start_worker,
                initargs=[os.getpid()],
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool


def _failure(job: Job, error: BaseException) -> Failure:
    if isinstance(error, ProcessExpired):
        reason = f"its process died (exit code {error.exitcode}); out of memory?"
    else:
        reason = f"{type(error).__name__}: {error}"
    details = "".join(traceback.format_exception(error))
    return Failure(job.name, reason, details)


def _timed(work: Callable[[Any], None], payload: Any) -> float:
    started = time.perf_counter()
    work(payload)
    return time.perf_counter() - started


def _start_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, use one thread, keep memory, and die with the parent."""
    import torch

    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_die_with, args=[parent], daemon=True).start()


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
