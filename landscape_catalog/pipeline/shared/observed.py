"""Jobs of a stage under observation: progress on the terminal, the status file, and the timings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType

from landscape_catalog.paths import Project
from landscape_catalog.runner.activity import read_activities
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.progress import StageProgress
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.status import write_status
from landscape_catalog.runner.timings import Attempt, log_timing
from landscape_catalog.runner.tracker import StageTracker

# Simulating the schedule of thousands of jobs takes some milliseconds.
SECONDS_BETWEEN_UPDATES = 0.5


class ObservedStage:
    """Reports on the jobs of a stage while they run."""

    def __init__(
        self,
        project: Project,
        title: str,
        jobs: Sequence[Job],
        *,
        speed: SpeedModel,
        workers: int,
        device: str = "cpu",
    ) -> None:
        self._project = project
        shutil.rmtree(project.activities, ignore_errors=True)
        with suppress(OSError):  # without it, the workers announce nothing
            project.activities.mkdir(parents=True)
        self._tracker = StageTracker(
            title,
            jobs,
            speed=speed,
            workers=workers,
            device=device,
            activities=partial(read_activities, project.activities),
        )
        self._progress = StageProgress(title)
        self._seconds_left, self._updated = float("nan"), 0.0

    def __enter__(self) -> ObservedStage:
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, trace)
        write_status(self._project.status, replace(self._tracker.status(), ended=True))

    @property
    def done(self) -> int:
        """Number of jobs that have ended."""
        return self._tracker.done

    def submit(self, job: Job) -> None:
        """A job is about to be submitted."""
        self._tracker.submit(job)
        self._update()

    def replace(self, job: Job, others: Sequence[Job]) -> None:
        """A job is replaced by others, which are submitted later."""
        self._tracker.replace(job, others)
        self._update()

    def end(self, job: Job, attempt: Attempt | None) -> None:
        """A job has ended; its time is logged unless it failed."""
        timing = self._tracker.end(job, attempt)
        if timing is not None:
            log_timing(self._project.timings, timing)
        self._update(now=self.done == self._tracker.jobs)
        self._show(ended=job.name, failed=attempt is None)

    def tick(self) -> None:
        """Nothing has ended for a while."""
        self._update()
        self._show()

    def _show(self, *, ended: str = "", failed: bool = False) -> None:
        jobs, left = self._tracker.jobs, self._seconds_left
        self._progress.show(self.done, jobs, left, ended=ended, failed=failed)

    def _update(self, *, now: bool = False) -> None:
        """Estimate the remaining time and write the status file, if that is due."""
        if not now and time.monotonic() - self._updated < SECONDS_BETWEEN_UPDATES:
            return
        status = self._tracker.status()
        write_status(self._project.status, status)
        self._seconds_left, self._updated = status.seconds_left, time.monotonic()
