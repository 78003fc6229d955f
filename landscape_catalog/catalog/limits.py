"""Runs a query in a thread that is stopped when time or memory runs out, or by Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil

from landscape_catalog.errors import QueryError
from landscape_catalog.machine import shown_bytes

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_STOP = 2.0
Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """What a query may use; None: as much as it takes.

    Attributes:
        seconds: time limit.
        n_bytes: memory limit.
    """

    seconds: float | None = None
    n_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise QueryError(f"the time limit must be more than 0 seconds, not {self.seconds:g}")
        if self.n_bytes is not None and not self.n_bytes > 0:
            raise QueryError(f"the memory limit must be more than 0 bytes, not {self.n_bytes}")

    def out_of_time(self) -> QueryError:
        """The error of a query that takes too long."""
        return QueryError(
            f"the query was stopped after {self.seconds:g} s, its time limit; `--timeout` sets it"
        )

    def out_of_memory(self) -> QueryError:
        """The error of a query that needs too much memory."""
        most = f" of {shown_bytes(self.n_bytes)}; `--memory` sets it" if self.n_bytes else ""
        return QueryError(f"the query was stopped: it needs more memory than its limit{most}")


def run_within(limits: Limits, work: Callable[[], Result], interrupt: Callable[[], None]) -> Result:
    """The result of `work`, which runs in a thread so that the limits and Ctrl-C can stop it.

    Not everything heeds an interruption: DuckDB computes constants while it plans. The thread is
    then left behind; it does not keep the process from ending.

    Args:
        limits: of time, and of the memory by which this process may grow.
        work: the function.
        interrupt: asks it to stop, from another thread.

    Raises:
        QueryError: if a limit is exceeded.
    """
    found: dict[str, Any] = {}

    def run() -> None:
        try:
            found["result"] = work()
        except BaseException as error:  # passed on to the caller
            found["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    process = psutil.Process()
    started, before = time.monotonic(), process.memory_info().rss
    thread.start()
    try:
        while thread.is_alive():
            thread.join(SECONDS_BETWEEN_LOOKS)
            if limits.seconds is not None and time.monotonic() - started > limits.seconds:
                raise limits.out_of_time()
            if limits.n_bytes is not None and process.memory_info().rss - before > limits.n_bytes:
                raise limits.out_of_memory()
    finally:
        _stop(thread, interrupt)
    if "error" in found:
        raise found["error"]
    result: Result = found["result"]
    return result


def _stop(thread: threading.Thread, interrupt: Callable[[], None]) -> None:
    """Interrupt a thread until it ends, since an interruption between two steps has no effect."""
    started = time.monotonic()
    while thread.is_alive() and time.monotonic() - started < SECONDS_TO_STOP:
        interrupt()
        thread.join(SECONDS_BETWEEN_LOOKS)
