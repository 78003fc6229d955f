"""Runs jobs in parallel processes on this machine; a process that dies affects only its own job."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from landscape_catalog.errors import DeviceFailedError, WorkerDiedError, WorkerStartError
from landscape_catalog.runner.device_failures import named_device_failures
from landscape_catalog.runner.executor import Executor, JobFunction, Result
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.runner.placement import (
    Placement,
    free_memory,
    log_places,
    require_usable,
    smallest_share,
)
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache

if TYPE_CHECKING:  # Pebble is imported with the first job: a plan only asks for the number
    from landscape_catalog.runner.worker_pool import WorkerPool


class ProcessExecutor(Executor):
    """A pool of processes with one torch thread each.

    They start with the first job and end with the process that owns the executor. On GPUs each
    worker sees a single one as long as it lives, where `placement` puts it.

    Args:
        count: number of processes; `expect` may change it.
        placement: of workers on CUDA devices; None: they share what this process sees.
        use_gpus: whether workers use CUDA devices; None: if they are placed on them.
    """

    def __init__(
        self, count: int, placement: Placement | None = None, *, use_gpus: bool | None = None
    ) -> None:
        self.count, self._placement = count, placement
        self._use_gpus = placement is not None if use_gpus is None else use_gpus
        self._free: dict[int, int] = {}
        self._places = [] if placement is None else placement.before_asking(count)
        self._pool: WorkerPool | None = None
        self._pending: set[Future[Any]] = set()

    def expect(self, job_bytes: int) -> None:
        """Place the workers on GPUs; those that are elsewhere are ended.

        Raises:
            SpecError: if torch cannot use one of the GPUs.
        """
        if self._placement is None:
            return
        if not self._free:  # asked once, before there are workers
            with ProcessExecutor(1, use_gpus=True) as other:
                found = other.submit(free_memory, self._placement.devices).result()
            self._free = require_usable(found)
        places = self._placement.places(self._free, job_bytes)
        if places != self._places:
            self.shutdown()
            self._places, self.count = places, len(places)
            log_places(self._free, places, job_bytes)
        self.share = smallest_share(self._free, places)

    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Submit a job to the next free process.

        The future holds `WorkerStartError` if processes cannot start, or if all died while none of
        them had a job; jobs can then be submitted again, to new processes.
        """
        future: Future[Result] = Future()
        self._pending.add(future)
        try:
            pool = self._usable_pool()
            scheduled = pool.schedule(_call, args=[function, payload])
            scheduled.add_done_callback(partial(self._pass_on, future))
            broken = not pool.active  # a job that is handed in while the pool breaks is forgotten
        except (BrokenProcessPool, RuntimeError, OSError):
            broken = True
        if broken:
            self._fail_pending()
        return future

    def _usable_pool(self) -> WorkerPool:
        if self._pool is not None and not self._pool.active:
            self.shutdown(cancel=True)
        if self._pool is None:
            from landscape_catalog.runner.worker_pool import WorkerPool

            environments: list[dict[str, str]] = [{} for _ in range(self.count)]
            if self._placement is not None:
                environments = self._placement.variables(self._places)
            self._pool = WorkerPool(environments, _start_worker, use_gpus=self._use_gpus)
        return self._pool

    def shutdown(self, *, cancel: bool = False) -> None:
        """End the processes, immediately or when their jobs are done."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if cancel:
            pool.end()
        else:
            pool.close()
            pool.join()

    def _pass_on(self, future: Future[Any], scheduled: Future[Any]) -> None:
        """Pass a job's outcome on, with the death of its process as a `WorkerDiedError`."""
        from pebble.common.types import ProcessExpired

        self._pending.discard(future)
        if scheduled.cancelled():
            future.cancel()
            return
        error = scheduled.exception()
        if isinstance(error, BrokenProcessPool):
            self._pending.add(future)
            self._fail_pending()
        elif isinstance(error, ProcessExpired):
            words = f"its process died (exit code {error.exitcode}); out of memory?"
            future.set_exception(WorkerDiedError(words))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(scheduled.result())

    def _fail_pending(self) -> None:
        """Fail the jobs of a broken pool, which does not report those that it had not sent yet."""
        while self._pending:
            with suppress(KeyError, InvalidStateError):
                self._pending.pop().set_exception(
                    WorkerStartError(
                        "worker processes cannot start, or end before they take a job; their own "
                        "messages may say why. `execution.workers` sets how many are started"
                    )
                )


REPLACED = "the worker process could not use the GPU any more and was replaced by a new one"
# State of a worker process, which belongs to one executor and ends with it.
_cache = WorkerCache()


def _call(function: JobFunction[Any], payload: Any) -> Any:
    """Run one job; its settings are its own, since a user's code may change them."""
    try:
        with named_device_failures(REPLACED), reproducible():
            return function(payload, _cache)
    except DeviceFailedError:
        from landscape_catalog.runner.worker_pool import end_after_result

        end_after_result()
        raise


def _start_worker() -> None:
    """Ignore Ctrl-C, which the parent handles, and exit with the parent."""
    from landscape_catalog.runner.worker_pool import ignore_ctrl_c

    ignore_ctrl_c()
    keep_freed_memory()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
