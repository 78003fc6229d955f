"""What becomes of a training job whose worker died or ran out of memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from landscape_catalog.errors import OutOfMemoryError, WorkerDiedError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.recovery import MOST_DEATHS, as_sentence, halves
from landscape_catalog.runner.jobs import Job
from landscape_catalog.store.partial import checkpoint_stamp

log = logging.getLogger(__name__)


class SplitAndRetry:
    """Splits groups in halves, and tries single runs again; all continue from their checkpoints.

    Most deaths are due to a lack of memory, of which half a group needs less. A single run during
    which three workers die without a new checkpoint has failed.

    Args:
        folder: the folder of checkpoints.
        make_job: the job of a group of runs.
    """

    def __init__(self, folder: Path, make_job: Callable[[Sequence[Run]], Job]) -> None:
        self._folder, self._make_job = folder, make_job
        self._deaths: dict[str, tuple[int | None, int]] = {}

    def __call__(self, job: Job, error: WorkerDiedError | OutOfMemoryError) -> Sequence[Job]:
        """The jobs that replace a job; none if it has failed."""
        runs: Sequence[Run] = job.payload.runs
        why = as_sentence(error)
        if len(runs) > 1:
            log.warning("%s: %s Its %d runs go on in two halves", job.name, why, len(runs))
            return [self._make_job(half) for half in halves(runs)]
        new = error.deaths if isinstance(error, WorkerDiedError) else 1
        if self._count(runs[0].run_id, new) >= MOST_DEATHS:
            return []
        log.warning("%s: %s It is tried again", job.name, why)
        return [job]

    def _count(self, run_id: str, new: int) -> int:
        """Count further deaths of a run's workers; returns those since its last checkpoint."""
        stamp = checkpoint_stamp(self._folder, run_id)
        former, deaths = self._deaths.get(run_id, (stamp, 0))
        deaths = deaths + new if stamp == former else new
        self._deaths[run_id] = stamp, deaths
        return deaths
