"""Runs jobs in parallel processes on this machine; a process that dies affects only its own job."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from pebble import ProcessPool
from pebble.common.types import ProcessExpired

from landscape_catalog.errors import WorkerDiedError
from landscape_catalog.runner.executor import Executor, JobFunction, Result
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache

SECONDS_TO_STOP = 10


class ProcessExecutor(Executor):
    """A pool of processes with one torch thread each.

    They start with the first job and end with the process that owns the executor.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ProcessPool | None = None

    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Submit a job to the next free process."""
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.count,
                initializer=_start_worker,
                initargs=[os.getpid()],
                context=multiprocessing.get_context("spawn"),
            )
        future: Future[Result] = Future()
        scheduled = self._pool.schedule(_call, args=[function, payload])
        scheduled.add_done_callback(partial(_pass_on, future))
        return future

    def shutdown(self, *, cancel: bool = False) -> None:
        """End the processes, immediately or when their jobs are done."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if cancel:
            pool.stop()
            pool.join(timeout=SECONDS_TO_STOP)
        else:
            pool.close()
            pool.join()


def _pass_on(future: Future[Any], scheduled: Future[Any]) -> None:
    """Pass a job's outcome on, with the death of its process as a `WorkerDiedError`."""
    if scheduled.cancelled():
        future.cancel()
        return
    error = scheduled.exception()
    if isinstance(error, ProcessExpired):
        words = f"its process died (exit code {error.exitcode}); out of memory?"
        future.set_exception(WorkerDiedError(words))
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(scheduled.result())


# State of a worker process, which belongs to one executor and ends with it.
_cache = WorkerCache()


def _call(function: JobFunction[Any], payload: Any) -> Any:
    """Run one job; its settings are its own, since a user's code may change them."""
    with reproducible():
        return function(payload, _cache)


def _start_worker(parent: int) -> None:
    """Ignore Ctrl-C, which the parent handles, and exit with the parent."""
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with, args=[parent], daemon=True).start()


def _exit_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
