"""What becomes of a measuring job whose worker died or ran out of memory."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from landscape_catalog.errors import OutOfMemoryError, WorkerDiedError
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.pipeline.shared.recovery import MOST_DEATHS, as_sentence, halves
from landscape_catalog.runner.jobs import Job

log = logging.getLogger(__name__)

MOST_TRIES = 2  # of a single measurement for which memory lacks


class DivideAndRetry:
    """Splits what is left of jobs, and tries single measurements again.

    A job whose worker died is halved. If memory lacked, each measurement gets a job of its own,
    which needs the least: most are made one after the other anyway, so that half a job would need
    as much as the whole. A single measurement during which three workers have died, or for which
    memory has lacked twice, has failed.

    Args:
        is_made: whether there is a measurement of this id.
        make_job: the job that makes some measurements.
    """

    def __init__(
        self,
        is_made: Callable[[str], bool],
        make_job: Callable[[tuple[MeasurementSpec, ...]], Job],
    ) -> None:
        self._is_made, self._make_job = is_made, make_job
        self._deaths: Counter[str] = Counter()
        self._without_memory: Counter[str] = Counter()

    def __call__(self, job: Job, error: WorkerDiedError | OutOfMemoryError) -> Sequence[Job]:
        """The jobs that replace a job; none if it has failed."""
        specs: Sequence[MeasurementSpec] = job.payload.specs
        made = {spec.measurement_id for spec in specs if self._is_made(spec.measurement_id)}
        left = tuple(spec for spec in specs if spec.measurement_id not in made)
        why = as_sentence(error)
        if len(left) > 1 and isinstance(error, OutOfMemoryError):
            log.warning("%s: %s Its %d measurements go on one by one", job.name, why, len(left))
            return [self._make_job((spec,)) for spec in left]
        if len(left) > 1:
            log.warning("%s: %s Its %d measurements go on in two halves", job.name, why, len(left))
            return [self._make_job(tuple(half)) for half in halves(left)]
        if not left:  # it died after its last measurement
            return [replace(job, payload=job.payload.without(made))]
        (spec,) = left
        if isinstance(error, OutOfMemoryError):
            failures, new, most = self._without_memory, 1, MOST_TRIES
        else:
            failures, new, most = self._deaths, error.deaths, MOST_DEATHS
        failures[spec.measurement_id] += new
        if failures[spec.measurement_id] >= most:
            return []
        log.warning("%s: %s It is tried again", job.name, why)
        return [self._make_job(left)]
