"""Progress of a stage: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Rich is imported where there is a terminal
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0  # after which the end of a job is worth a line
SECONDS_WITHOUT_END = 60.0  # after which there is a line although no job has ended


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
    """Shows a stage's finished jobs and the estimated remaining time."""

    def __init__(self, title: str, *, terminal: bool | None = None) -> None:
        self.title = title
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> StageProgress:
        if self._terminal:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self.title, total=None, left="")
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

    def show(
        self,
        done: int,
        jobs: int,
        seconds_left: float,
        *,
        ended: str = "",
        failed: bool = False,
    ) -> None:
        """Show the state of the stage.

        Args:
            done: number of jobs that have ended, successfully or not.
            jobs: number of all jobs.
            seconds_left: estimated remaining time.
            ended: name of the job that has ended just now, if one has.
            failed: whether that job failed.
        """
        left = f"about {format_duration(seconds_left)} left" if done < jobs else "done"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=jobs, left=left)
            return
        now = time.monotonic()
        pause = SECONDS_BETWEEN_LINES if ended else SECONDS_WITHOUT_END
        if done == jobs or now - self._last_line >= pause:
            self._last_line = now
            which = f" ({ended}{' failed' if failed else ''})" if ended else ""
            print(f"{self.title} {done}/{jobs}{which}, {left}", file=sys.stderr, flush=True)
