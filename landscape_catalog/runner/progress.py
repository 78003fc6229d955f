"""Progress of a stage: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

SECONDS_BETWEEN_LINES = 10.0


def format_duration(seconds: float) -> str:
    """A duration in human-readable form.

    >>> [format_duration(s) for s in (3.2, 75, 7320, 2e6, 1e9)]
    ['3 s', '1 min 15 s', '2 h 02 min', '23 days', '32 years']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    days = whole / 86400
    return f"{days:.0f} days" if days < 730 else f"{days / 365.25:.0f} years"


class StageProgress:
    """Counts finished jobs, weights them by cost, and estimates the remaining time."""

    def __init__(self, title: str, *, jobs: int, cost: float, terminal: bool | None = None) -> None:
        self.title, self.jobs, self.cost = title, jobs, cost
        self.done, self.cost_done = 0, 0.0
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._started = self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> StageProgress:
        if self._terminal and self.jobs:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self.title, total=self.jobs, left="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def seconds_left(self) -> float:
        """Estimated remaining time: elapsed time / cost done * cost left, or NaN at the start."""
        if not self.cost_done:
            return float("nan")
        elapsed = time.monotonic() - self._started
        return elapsed / self.cost_done * (self.cost - self.cost_done)

    def step(self, name: str, cost: float, *, failed: bool = False) -> None:
        """Record that one more job has ended, successfully or not."""
        self.done += 1
        self.cost_done += cost
        left = (
            f"about {format_duration(self.seconds_left)} left" if self.done < self.jobs else "done"
        )
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, left=left)
            return
        now = time.monotonic()
        if self.done == self.jobs or now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            ended = f"{name} failed" if failed else name
            print(
                f"{self.title} {self.done}/{self.jobs} ({ended}), {left}",
                file=sys.stderr,
                flush=True,
            )
