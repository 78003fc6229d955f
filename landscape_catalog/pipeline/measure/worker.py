"""The worker side of stage 3: makes the measurements of one job."""

from __future__ import annotations

from typing import Any

from landscape_catalog.errors import (
    MeasurementError,
    StorageError,
    described,
    is_out_of_memory,
)
from landscape_catalog.pipeline.measure.context import JobContext
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.runner.device import provenance
from landscape_catalog.runner.memory import release_memory
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.artifacts import write_measurement
from landscape_catalog.store.measurements import MeasurementRecord


def measure_and_keep(payload: MeasurePayload, cache: WorkerCache) -> None:
    """Make the measurements of one job, writing each as soon as it is done.

    Raises:
        MeasurementError: if some failed, after the others have been written.
        StorageError: immediately, if a file cannot be read or written.
    """
    if not payload.specs:
        return
    job, failed = JobContext(payload, cache), []
    for spec in payload.specs:
        try:
            measured = spec.declaration.compute(job.measurement(spec))
        except StorageError:
            raise
        except Exception as error:  # a custom network or task may raise anything
            if is_out_of_memory(error):
                release_memory(error)  # which the others of the job need
            failed.append((spec, error))
            continue
        _keep(payload, spec, measured)
    if failed:
        what = [
            f"{spec.metric} of {' and '.join(run.run_id for run in spec.runs)}: {described(error)}"
            for spec, error in failed
        ]
        raise MeasurementError("; ".join(what)) from failed[0][1]


def _keep(payload: MeasurePayload, spec: MeasurementSpec, measured: Any) -> None:
    record = MeasurementRecord(
        measurement_id=spec.measurement_id,
        run_ids=[run.run_id for run in spec.runs],
        snapshot=spec.snapshot,
        probe=spec.content,
        measured=measured,
        provenance=provenance(payload.device),
    )
    write_measurement(payload.measurements.path(spec.measurement_id), record)
    payload.measurements.share(spec.measurement_id)
