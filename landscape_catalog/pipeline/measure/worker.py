"""The worker's side of stage 3: one job's measurements of trained networks."""

from __future__ import annotations

from collections.abc import Callable

from landscape_catalog.errors import MeasurementError, StorageError
from landscape_catalog.pipeline.measure import pairs, runs
from landscape_catalog.pipeline.measure.context import Subject
from landscape_catalog.pipeline.shared.measurements import Metric, Needed
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.runner.device import make_deterministic, provenance
from landscape_catalog.store.artifacts import write_measurement
from landscape_catalog.store.measured import Measured, MeasurementRecord

MAKERS: dict[Metric, Callable[[Subject, Needed], Measured]] = {
    "loss": runs.loss,
    "hessian": runs.hessian,
    "density": runs.density,
    "layers": runs.layers,
    "connectivity": pairs.connectivity,
    "barrier": pairs.barrier,
    "similarity": pairs.similarity,
    "distance": pairs.distance,
}


def measure_and_keep(payload: MeasurePayload) -> None:
    """Make the measurements of one job and keep them, each as soon as it is made.

    Raises:
        MeasurementError: if some failed, after the others have been kept.
        StorageError: at once, if a file cannot be read or written.
    """
    make_deterministic()
    subject, failed = Subject(payload), []
    for needed in payload.needed:
        try:
            measured = MAKERS[needed.metric](subject, needed)
        except StorageError:
            raise
        except Exception as error:  # whatever a user's network or task does
            failed.append((needed, error))
            continue
        _keep(payload, needed, measured)
    if failed:
        what = [
            f"{needed.metric} of {' and '.join(run.run_id for run in needed.runs)}: "
            f"{type(error).__name__}: {error}"
            for needed, error in failed
        ]
        raise MeasurementError("; ".join(what)) from failed[0][1]


def _keep(payload: MeasurePayload, needed: Needed, measured: Measured) -> None:
    record = MeasurementRecord(
        measurement_id=needed.measurement_id,
        run_ids=[run.run_id for run in needed.runs],
        snapshot=needed.snapshot,
        probe=needed.probe,
        measured=measured,
        provenance=provenance(payload.device),
    )
    write_measurement(payload.cache.path(needed.measurement_id), record)
    payload.cache.share(needed.measurement_id)
