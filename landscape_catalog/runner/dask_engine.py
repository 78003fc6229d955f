"""Runs jobs on the workers of a Dask cluster, with or without a common file system.

The stage assigns each job to one worker and Dask runs it there, so that the files of a job can be
sent to its worker first, and a lost job goes to another worker with its latest checkpoint.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import uuid
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.executor import Executor, JobFunction, Result

if TYPE_CHECKING:
    from landscape_catalog.runner.dask_cluster import Cluster
    from landscape_catalog.runner.dask_jobs import Jobs

SECONDS_TO_STOP = 20


class DaskExecutor(Executor):
    """Jobs on the workers of a Dask cluster, one at a time on each.

    It connects when the first job is submitted or the workers are counted, so that a stage without
    work needs no cluster.
    """

    def __init__(self, execution: Execution) -> None:
        self._scheduler, self._execution = _scheduler(execution), execution
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._cluster: Cluster | None = None
        self._jobs: Jobs | None = None

    @property
    def count(self) -> int:  # type: ignore[override]  # workers come and go
        """Number of workers that can be used now, at least 1.

        Raises:
            SpecError: if no scheduler answers, or it has no worker that can be used.
        """
        self._connect()
        assert self._cluster is not None
        return max(len(self._cluster.workers), 1)

    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Submit a job to the next free worker; raises the same errors as `count`."""
        self._connect()
        assert self._loop is not None and self._jobs is not None
        future: Future[Result] = Future()
        work = self._jobs.complete(function, payload, future)
        asyncio.run_coroutine_threadsafe(work, self._loop)
        return future

    def _connect(self) -> None:
        if self._loop is not None:
            return
        from landscape_catalog.runner.dask_cluster import Cluster
        from landscape_catalog.runner.dask_jobs import Jobs

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def connect() -> None:
            session = uuid.uuid4().hex
            device = chosen_device(self._execution)
            self._cluster = Cluster(self._scheduler, device, session)
            self._jobs = Jobs(self._cluster)
            await self._cluster.connect()

        try:
            asyncio.run_coroutine_threadsafe(connect(), self._loop).result()
        except BaseException:
            self.shutdown(cancel=True)
            raise

    def shutdown(self, *, cancel: bool = False) -> None:
        """Close the connection, when the jobs are done or after stopping them on their workers."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        assert self._thread is not None

        async def close() -> None:
            if self._jobs is not None:
                await self._jobs.end(cancel=cancel)
            if self._cluster is not None:
                await self._cluster.close()

        closing = asyncio.run_coroutine_threadsafe(close(), loop)
        with suppress(TimeoutError):
            closing.result(SECONDS_TO_STOP if cancel else None)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(SECONDS_TO_STOP)
        if not self._thread.is_alive():
            loop.close()


def _scheduler(execution: Execution) -> str:
    """The scheduler that an experiment names.

    Raises:
        SpecError: if it names none, or Dask is not installed.
    """
    if importlib.util.find_spec("distributed") is None:
        allowed = "local or serial, since the package `distributed` is not installed"
        install = "; install it with `pip install 'landscape_catalog[cluster]'`"
        raise SpecError([Problem("execution.engine", "'dask'", allowed + install)])
    if execution.scheduler is None:
        allowed = "the address of a Dask scheduler, such as tcp://host:8786, or its scheduler file"
        raise SpecError([Problem("execution.scheduler", "null", f"{allowed} (for engine: dask)")])
    return execution.scheduler
