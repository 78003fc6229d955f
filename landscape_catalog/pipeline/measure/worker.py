"""The worker side of stage 3: makes the measurements of one job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from landscape_catalog.errors import (
    LandscapeError,
    MeasurementError,
    OutOfMemoryError,
    StorageError,
    described,
    is_out_of_memory,
)
from landscape_catalog.pipeline.measure.context import JobContext
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.runner.device import provenance
from landscape_catalog.runner.device_failures import is_device_failure
from landscape_catalog.runner.memory import named_memory_errors, release_memory
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.schema.words import counted
from landscape_catalog.store.artifacts import write_measurement
from landscape_catalog.store.measurements import MeasurementRecord
from landscape_catalog.store.records import Provenance


def measure_and_keep(payload: MeasurePayload, cache: WorkerCache) -> None:
    """Make the measurements of one job, writing each as soon as it is done.

    Raises:
        MeasurementError: if some failed, after the others have been written.
        OutOfMemoryError: the same, if memory was lacking for one of them, so that less at a time
            may be tried; if the job has only one measurement, it says what to reduce.
        StorageError: immediately, if a file cannot be read or written.
    """
    if not payload.specs:
        return
    advice = advice_for(payload.specs[0]) if len(payload.specs) == 1 else ""  # others are divided
    with named_memory_errors(advice):
        made_with = provenance(payload.device)  # before anything is computed, since it may fail
        job = JobContext(payload, cache)
    failed: list[tuple[MeasurementSpec, Exception]] = []
    for number, spec in enumerate(payload.specs, start=1):
        try:
            measured = spec.declaration.compute(job.measurement(spec))
        except StorageError:
            raise
        except Exception as error:  # a custom network or task may raise anything
            if is_device_failure(error):  # which all others of the job would meet, too
                untried = len(payload.specs) - number
                raise _device_failure([(spec, error), *failed], untried) from error
            if is_out_of_memory(error):
                release_memory(error)  # which the others of the job need
            failed.append((spec, error))
            continue
        _keep(payload, spec, measured, made_with)
    if failed:
        raise _failure(failed, advice) from failed[0][1]


def advice_for(spec: MeasurementSpec) -> str:
    """What to reduce if memory is lacking for a measurement: paths of parameters."""
    section, names = spec.declaration.section, ("batch_size", "samples")
    own = [f"`measure.{section}.{name}`" for name in names if hasattr(spec.settings, name)]
    return f"reduce {', '.join([*own, '`load.width`'])} or `execution.workers`"


def _failure(failed: Sequence[tuple[MeasurementSpec, Exception]], advice: str) -> LandscapeError:
    """The error of a job some of whose measurements have failed."""
    what = "; ".join(f"{_named(spec)}: {described(error)}" for spec, error in failed)
    if not any(is_out_of_memory(error) for _, error in failed):
        return MeasurementError(what)
    return OutOfMemoryError(
        f"out of memory: {advice} ({what})" if advice else f"out of memory: {what}"
    )


def _device_failure(
    failed: Sequence[tuple[MeasurementSpec, Exception]], untried: int
) -> MeasurementError:
    """The error of a job that a failure of its GPU has ended, in one line."""
    what = [f"{_named(spec)}: {described(error).splitlines()[0]}" for spec, error in failed]
    if untried:
        what.append(f"{counted(untried, 'further measurement')} of the job not tried")
    return MeasurementError("; ".join(what))


def _named(spec: MeasurementSpec) -> str:
    return f"{spec.metric} of {' and '.join(run.run_id for run in spec.runs)}"


def _keep(
    payload: MeasurePayload, spec: MeasurementSpec, measured: Any, made_with: Provenance
) -> None:
    record = MeasurementRecord(
        measurement_id=spec.measurement_id,
        run_ids=[run.run_id for run in spec.runs],
        snapshot=spec.snapshot,
        probe=spec.content,
        measured=measured,
        provenance=made_with,
    )
    write_measurement(payload.measurements.path(spec.measurement_id), record)
    payload.measurements.share(spec.measurement_id)
