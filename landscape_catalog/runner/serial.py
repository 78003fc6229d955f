"""Runs jobs one after another in this process, for tests, debuggers and notebooks."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from landscape_catalog.runner.device import current_gpu
from landscape_catalog.runner.device_failures import named_device_failures
from landscape_catalog.runner.executor import Executor, JobFunction, Result
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache

KEPT = (
    "this process cannot use the GPU any more, so that all further jobs fail: end it and start the "
    "stage again, or set `execution.engine` to local, which replaces such a process"
)


class SerialExecutor(Executor):
    """Runs each job as soon as it is submitted, under the same settings as any worker.

    Ctrl-C and breakpoints reach the job itself. Torch is imported with the first job.

    Args:
        gpu: index of the CUDA device to compute on; None: torch's current one.
    """

    count = 1

    def __init__(self, gpu: int | None = None) -> None:
        self._gpu = gpu
        self._cache = WorkerCache()

    def expect(self, job_bytes: int) -> None:
        """Find out how much memory of the GPU is free; this process then has a context on it."""
        import torch

        self.share = None
        # Its jobs will say why if this fails.
        with suppress(RuntimeError, AssertionError), current_gpu(self._gpu):
            torch.cuda.empty_cache()  # what earlier jobs of this process have freed is free as well
            self.share = torch.cuda.mem_get_info()[0]

    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Run the job immediately; the returned future is done."""
        future: Future[Result] = Future()
        try:
            with named_device_failures(KEPT), reproducible(), current_gpu(self._gpu):
                future.set_result(function(payload, self._cache))
        except (Exception, SystemExit) as error:  # a user's code may raise anything
            future.set_exception(error)
        return future

    def shutdown(self, *, cancel: bool = False) -> None:
        """Clear the cache; no job is ever running at this point."""
        self._cache = WorkerCache()
