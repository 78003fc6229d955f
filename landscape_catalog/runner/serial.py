"""Jobs one after the other in this process: for tests, debuggers and notebooks."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from landscape_catalog.runner.executor import Executor, JobFunction, Result
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache


class SerialExecutor(Executor):
    """Runs a job as soon as it is submitted, under the settings of every worker.

    Ctrl-C and breakpoints reach the job itself. Torch is loaded with the first job.
    """

    count = 1

    def __init__(self) -> None:
        self._cache = WorkerCache()

    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Run the job now; the future is done when this returns."""
        future: Future[Result] = Future()
        try:
            with reproducible():
                future.set_result(function(payload, self._cache))
        except (Exception, SystemExit) as error:  # whatever a user's code does in a job
            future.set_exception(error)
        return future

    def shutdown(self, *, cancel: bool = False) -> None:
        """Forget what the jobs shared; nothing is ever left running."""
        self._cache = WorkerCache()
