"""The state of a running stage: jobs that wait, run and have ended, and the remaining time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from landscape_catalog.runner.activity import Activity
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.speed import SpeedModel, own_seconds
from landscape_catalog.runner.status import JobStatus, StageStatus
from landscape_catalog.runner.time_left import OVERRUN, RunningJob, time_left
from landscape_catalog.runner.timings import Attempt, Timing, Work

# A worker takes a job without a word for as long as this factor of the time that workers usually
# need to start. After that, the workers are taken to be unable to announce their jobs.
UNANNOUNCED = 5
NOTHING = 1e-6  # the computed share of a job that another process has done, with rounding


class StageTracker:
    """Follows the jobs of a stage from the events of `run_jobs`.

    Workers take jobs in the order in which they are submitted, so that the first ones that have
    not ended are those that run. Where the workers announce their jobs, that is more exact.
    """

    def __init__(
        self,
        title: str,
        jobs: Sequence[Job],
        *,
        speed: SpeedModel,
        workers: int,
        device: str = "cpu",
        activities: Callable[[], Mapping[str, Activity]] = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.title, self.jobs = title, len(jobs)
        self.done = 0
        self.failed: list[str] = []
        self.started = clock()
        self._speed, self._workers, self._device = speed, workers, device
        self._activities = activities
        self._clock = clock
        self._waiting = {job.name: job for job in jobs}
        self._submitted: dict[str, Job] = {}
        self._since: dict[str, float] = {}  # when a job was the next one for a free worker
        self._finished: list[tuple[Work, float]] = []

    def submit(self, job: Job) -> None:
        """A job is about to be submitted, perhaps again."""
        for jobs in (self._waiting, self._submitted):
            jobs.pop(job.name, None)
        self._submitted[job.name] = job

    def replace(self, job: Job, others: Sequence[Job]) -> None:
        """A job that was submitted is replaced by others, which have not been submitted yet."""
        self._submitted.pop(job.name)
        self._since.pop(job.name, None)
        self._waiting |= {other.name: other for other in others}
        self.jobs += len(others) - 1

    def end(self, job: Job, attempt: Attempt | None) -> Timing | None:
        """A job has ended; returns what to log of it, or None if it failed or had nothing to do."""
        del self._submitted[job.name]
        self._since.pop(job.name, None)
        self.done += 1
        if attempt is None:
            self.failed.append(job.name)
            return None
        if attempt.share <= NOTHING:
            return None
        predicted = self._speed.seconds(job.work)
        timing = Timing(job.work, attempt, self.title, self.started, predicted, self._device)
        self._finished.append((job.work, own_seconds(timing)))
        return timing

    def status(self) -> StageStatus:
        """The state of the stage now."""
        now, activities = self._clock(), self._activities()
        running, left = [], []
        for job in list(self._submitted.values())[: self._workers]:
            status, state = self._running(job, activities.get(job.name), now)
            running.append(status)
            left.append(state)
        waiting = [*list(self._submitted.values())[self._workers :], *self._waiting.values()]
        seconds = time_left(
            [job.work for job in waiting],
            left,
            self._finished,
            speed=self._speed,
            workers=self._workers,
        )
        return StageStatus(
            stage=self.title,
            started=self.started,
            updated=now,
            workers=self._workers,
            jobs=self.jobs,
            done=self.done,
            failed=tuple(self.failed),
            waiting=len(waiting),
            running=tuple(running),
            seconds_left=seconds,
        )

    def _running(
        self, job: Job, activity: Activity | None, now: float
    ) -> tuple[JobStatus, RunningJob]:
        """What is known of a running job."""
        predicted = self._speed.seconds(job.work)
        if activity is None:
            since = self._since.setdefault(job.name, now)
            state = RunningJob(job.work, now - since)
            if not self.done and now - since < UNANNOUNCED * self._speed.worker_start:
                waited = max(self._speed.worker_start - (now - since), OVERRUN * (now - since))
                state = RunningJob(job.work, -waited, first=True)
            return JobStatus(job.name, "", since, predicted, 0.0), state
        since = min(activity.started, now)
        state = RunningJob(
            job.work,
            now - since,
            activity.first,
            activity.resumed,
            activity.done,
            max(activity.reported - activity.started, 0.0),
        )
        status = JobStatus(
            job.name, activity.worker, since, predicted, activity.done, activity.waits
        )
        return status, state
