"""The protocol of executors, after `concurrent.futures`: jobs go in, futures come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from landscape_catalog.runner.worker_cache import WorkerCache

Result = TypeVar("Result")
JobFunction = Callable[[Any, WorkerCache], Result]
"""What a job is: a function of a module, called with a payload and its worker's cache."""


class Executor(ABC):
    """Runs jobs, in this process or elsewhere, with the same bits wherever they run.

    Every worker computes under `runner.settings.reproducible` and has one `WorkerCache`, which ends
    with it. A new executor is one module with a subclass of this, and one line in `registry.py`.
    """

    count: int
    """Jobs at a time."""

    @abstractmethod
    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Hand in a job.

        The future holds what the function returns, or else the error that it raises;
        `WorkerDiedError` where the worker ended before the job did. Function and payload must be
        picklable, since a job may run in another process.
        """

    @abstractmethod
    def shutdown(self, *, cancel: bool = False) -> None:
        """Free what the workers hold; no job may be submitted afterwards.

        Args:
            cancel: stop the jobs that are still running or waiting instead of awaiting them.
        """

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown(cancel=error is not None)
