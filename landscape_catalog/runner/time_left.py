"""How long a stage still takes: a simulated schedule of what is left, longest job first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from landscape_catalog.runner.schedule import makespan
from landscape_catalog.runner.speed import FIRST_JOB_SECONDS, SpeedModel
from landscape_catalog.runner.timings import Work

# A job that takes longer than predicted is expected to take this share of its time so far again.
OVERRUN = 0.05
TRUSTED_SHARE = 0.25  # a job's own pace replaces its prediction once this share of it is done


@dataclass(frozen=True)
class RunningJob:
    """A job that is running.

    Attributes:
        work: its size.
        elapsed: seconds since it started; negative while its worker starts.
        first: whether it is its worker's first job.
        resumed: share of the job that a checkpoint saved.
        done: share of the job that was done at the last report; 0 if there is no report.
        reported: seconds from its start to the last report.
    """

    work: Work
    elapsed: float
    first: bool = False
    resumed: float = 0.0
    done: float = 0.0
    reported: float = 0.0

    def left(self, speed: SpeedModel) -> float:
        """Seconds until it ends."""
        total = speed.seconds(self.work) * (1 - self.resumed)
        total += FIRST_JOB_SECONDS if self.first else 0.0
        own_share = self.done - self.resumed
        if own_share > 0 and self.reported > 0:
            trust = min(own_share / TRUSTED_SHARE, 1.0)
            pace = self.reported / own_share * (1 - self.resumed)
            total = trust * pace + (1 - trust) * total
        return max(total - self.elapsed, OVERRUN * self.elapsed)


def time_left(
    waiting: Iterable[Work],
    running: Sequence[RunningJob],
    finished: Iterable[tuple[Work, float]],
    *,
    speed: SpeedModel,
    workers: int,
) -> float:
    """Seconds until all jobs of a stage are done.

    Predictions are corrected by measured / predicted seconds of the stage's finished jobs, and of
    running ones that already take longer than predicted.

    Args:
        waiting: the jobs that have not started.
        running: the jobs that are running, at most one per worker.
        finished: the stage's finished jobs with their seconds.
        speed: the model of the machine, as it was when the stage started.
        workers: number of workers.
    """
    corrected = speed.corrected(finished := list(finished))
    overrun = [
        (job.work, (1 + OVERRUN) * job.elapsed)
        for job in running
        if job.left(corrected) <= OVERRUN * job.elapsed
    ]
    if overrun:
        corrected = speed.corrected([*finished, *overrun])
    busy = [job.left(corrected) for job in running]
    return makespan([corrected.seconds(work) for work in waiting], workers, busy)
