"""The executor interface, modelled on `concurrent.futures`: submit a job, get a future."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from landscape_catalog.runner.worker_cache import WorkerCache

Result = TypeVar("Result")
JobFunction = Callable[[Any, WorkerCache], Result]
"""A job's function, defined at module level and called with a payload and the worker's cache."""


class Executor(ABC):
    """Runs jobs in this process or elsewhere; results are bit-identical wherever they run.

    Every worker computes under `runner.settings.reproducible` and has its own `WorkerCache`, which
    lives as long as the worker. To add an executor, write a module with a subclass of this and add
    a line to `registry.py`.
    """

    count: int
    """Number of jobs that run in parallel."""

    share: int | None = None
    """Bytes of its GPU's memory that each worker may take; None if that is not known."""

    def expect(self, job_bytes: int) -> None:
        """Say how much memory of a GPU the next jobs need, before the first is submitted.

        An executor that places its workers on GPUs does so now, and sets `count` and `share`; one
        that computes on a GPU in this process sets `share`. Others ignore it.
        """
        self.share = None

    @abstractmethod
    def submit(self, function: JobFunction[Result], payload: Any) -> Future[Result]:
        """Submit a job.

        The future holds the function's return value or the exception it raised, and
        `WorkerDiedError` if the worker died before the job ended. Function and payload must be
        picklable, since a job may run in another process.
        """

    @abstractmethod
    def shutdown(self, *, cancel: bool = False) -> None:
        """Stop the workers and free their resources; no job may be submitted afterwards.

        Args:
            cancel: cancel running and pending jobs instead of waiting for them.
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
