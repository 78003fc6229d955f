"""Stage 3: every metric of every run and pair, measured once."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from landscape_catalog.pipeline.measure.jobs import measurement_jobs
from landscape_catalog.pipeline.shared.finished import (
    converged_runs,
    further_measurements,
    trained_runs,
)
from landscape_catalog.pipeline.shared.measurements import MeasurementSpec, distinct, losses_of
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.pipeline.shared.workspace import (
    Task,
    Workspace,
    open_workspace,
    raise_failures,
    work_through,
)
from landscape_catalog.runner.device import chosen_device, chosen_workers
from landscape_catalog.runner.processes import Failure, Workers
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.lock import project_lock

log = logging.getLogger(__name__)


def run_measure(root: Path) -> None:
    """Make the measurements that neither the project nor the store has.

    First the losses, which tell the runs that have converged; then, of these, the rest.

    Raises:
        MissingArtifactError: if a run is missing or was damaged and the store has no copy.
        JobsFailedError: if some measurements failed; the others are kept.
    """
    workspace = open_workspace(root)
    device = chosen_device(workspace.experiment.execution)
    with project_lock(workspace.project.lock):
        records = trained_runs(workspace)
        losses = losses_of(workspace.grid.runs, workspace.experiment.measure)
        with Workers(chosen_workers(workspace.experiment.execution)) as workers:
            new, failures = _make(workspace, "measure losses", losses, device, workers)
            rest = further_measurements(workspace, converged_runs(workspace, records))
            more, others = _make(workspace, "measure", rest, device, workers)
        specs = losses + rest
        removed = workspace.measurements.prune({spec.measurement_id for spec in specs})
        log.info(
            "measure: %d measurements, %d already there, %d made, %d removed",
            len(specs),
            len(specs) - new - more,
            new + more,
            removed,
        )
        raise_failures(workspace, "measure", failures + others)


def _make(
    workspace: Workspace, title: str, specs: list[MeasurementSpec], device: str, workers: Workers
) -> tuple[int, list[Failure]]:
    """Make what is missing; says how many were made, and which jobs failed."""
    cache = workspace.measurements
    missing = [spec for spec in distinct(specs) if cache.fetch(spec.measurement_id) is None]
    tasks = [_task(workspace, job, device) for job in measurement_jobs(missing, workers.count)]
    failures = work_through(workspace, title, measure_job, tasks, workers=workers)
    made = sum(cache.fetch(spec.measurement_id) is not None for spec in missing)
    return made, failures


def _task(workspace: Workspace, specs: tuple[MeasurementSpec, ...], device: str) -> Task:
    first = specs[0]
    prepared = workspace.project.prepared / first.cell.landscape.data.data_id
    payload = MeasurePayload(
        specs,
        prepared,
        workspace.runs,
        workspace.measurements,
        device,
        workspace.project.custom,
    )
    work = dataclasses.replace(first.work, steps=first.work.steps * len(specs))
    return Task(f"{first.metric} {first.measurement_id}", payload, work)


def measure_job(payload: MeasurePayload) -> None:
    """Make the measurements of one job. Runs in a worker, which alone needs torch."""
    from landscape_catalog.pipeline.measure.worker import measure_and_keep

    measure_and_keep(payload, WorkerCache())
