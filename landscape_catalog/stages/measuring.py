"""The worker's side of stage 3: one job's measurements of trained networks."""

from __future__ import annotations

from collections.abc import Callable

from landscape_catalog.execution.artifacts import write_measurement
from landscape_catalog.execution.device import make_deterministic, provenance
from landscape_catalog.schemas.measured import Measured, MeasurementRecord
from landscape_catalog.stages import measuring_pairs, measuring_runs
from landscape_catalog.stages.measurements import Metric, Needed
from landscape_catalog.stages.payloads import MeasurePayload
from landscape_catalog.stages.subject import Subject

MAKERS: dict[Metric, Callable[[Subject, Needed], Measured]] = {
    "loss": measuring_runs.loss,
    "hessian": measuring_runs.hessian,
    "density": measuring_runs.density,
    "layers": measuring_runs.layers,
    "connectivity": measuring_pairs.connectivity,
    "barrier": measuring_pairs.barrier,
    "similarity": measuring_pairs.similarity,
    "distance": measuring_pairs.distance,
}


def measure_and_keep(payload: MeasurePayload) -> None:
    """Make the measurements of one job and keep them."""
    make_deterministic()
    subject = Subject(payload)
    for needed in payload.needed:
        record = MeasurementRecord(
            measurement_id=needed.measurement_id,
            run_ids=[run.run_id for run in needed.runs],
            snapshot=needed.snapshot,
            probe=needed.probe,
            measured=MAKERS[needed.metric](subject, needed),
            provenance=provenance(payload.device),
        )
        write_measurement(payload.shelf.path(needed.measurement_id), record)
        payload.shelf.share(needed.measurement_id)
