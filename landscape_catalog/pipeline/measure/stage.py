"""Stage 3: measures every metric on every run and pair, once."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from landscape_catalog.pipeline.measure.jobs import job_work, measurement_jobs
from landscape_catalog.pipeline.measure.memory import curves_fit, measuring_memory
from landscape_catalog.pipeline.measure.recovery import DivideAndRetry
from landscape_catalog.pipeline.shared.finished import (
    converged_runs,
    further_measurements,
    trained_runs,
)
from landscape_catalog.pipeline.shared.limits import (
    measuring_problems,
    require_possible,
    worker_problems,
)
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec, distinct, losses_of
from landscape_catalog.pipeline.shared.memory import one_of_each_size
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.pipeline.shared.speed import speed_for
from landscape_catalog.pipeline.shared.workspace import (
    Workspace,
    one_stage,
    open_workspace,
    raise_failures,
    work_through,
)
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.jobs import Failure, Job
from landscape_catalog.runner.memory import gpu_share
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.files import ensure_folder

log = logging.getLogger(__name__)


def run_measure(root: Path) -> None:
    """Make the measurements that neither the project nor the store has.

    Losses come first, since they determine which runs have converged; all other metrics are then
    measured on converged runs only.

    Raises:
        MissingArtifactError: if a run is missing, or is damaged and the store has no copy.
        JobsFailedError: if some measurements failed; the others are kept.
    """
    workspace = open_workspace(root)
    with one_stage(workspace):
        ensure_folder(workspace.project.measurements)
        with chosen_executor(workspace.execution) as executor:
            specs, made, missing, failures = measure_missing(workspace, executor)
        needed = {spec.measurement_id for spec in specs}
        removed = workspace.measurements.prune(needed)
        failed = len(needed & missing)
        log.info(
            "measure: %d measurements, %d already there, %d made, %s%d removed",
            len(needed),
            len(needed) - len(made) - failed,
            len(made),
            f"{failed} failed, " if failed else "",
            removed,
        )
        raise_failures(workspace, "measure", failures)


def measure_missing(
    workspace: Workspace, executor: Executor
) -> tuple[list[MeasurementSpec], set[str], set[str], list[Failure]]:
    """Make the missing measurements.

    Returns:
        All measurements needed, the ids of those made now and of those still missing, and the
        failed jobs.

    Raises:
        MissingArtifactError: if a run is missing, or is damaged and the store has no copy.
        SpecError: if there are too many workers for this machine, or a measurement takes years.
    """
    device = chosen_device(workspace.experiment.execution)
    records = trained_runs(workspace)
    losses = losses_of(workspace.grid.runs, workspace.experiment.measure)
    made, missing, failures = _make(workspace, "measure losses", losses, device, executor)
    rest = further_measurements(workspace, converged_runs(workspace, records))
    more, others, further = _make(workspace, "measure", rest, device, executor)
    return losses + rest, made | more, missing | others, failures + further


def _make(
    workspace: Workspace, title: str, specs: list[MeasurementSpec], device: str, executor: Executor
) -> tuple[set[str], set[str], list[Failure]]:
    """Make the missing measurements; returns what was made, what is still missing, and failures."""
    cache = workspace.measurements
    missing = [spec for spec in distinct(specs) if cache.fetch(spec.measurement_id) is None]
    if not missing:
        return set(), set(), []  # without asking a cluster for its workers
    require_possible(
        [*worker_problems(workspace.experiment.execution), *measuring_problems(workspace)]
    )
    share = None
    if device == "cuda":
        measure, cells = workspace.experiment.measure, one_of_each_size(workspace.grid.cells)
        executor.expect(max(measuring_memory(cell, measure) for cell in cells))
        share = gpu_share(executor)
    work = [job_work([spec], device) for spec in missing]
    speed = speed_for(workspace.project, device, work, executor)
    fits, make_job = partial(curves_fit, share=share), partial(_job, workspace, device=device)
    groups = measurement_jobs(missing, executor.count, speed, device, fits)
    failures = work_through(
        workspace,
        title,
        measure_job,
        [make_job(group) for group in groups],
        executor=executor,
        recover=DivideAndRetry(lambda key: cache.fetch(key) is not None, make_job),
        speed=speed,
        device=device,
    )
    ids = {spec.measurement_id for spec in missing}
    made = {key for key in ids if cache.fetch(key) is not None}
    return made, ids - made, failures


def _job(workspace: Workspace, specs: tuple[MeasurementSpec, ...], *, device: str) -> Job:
    first = specs[0]
    data_id = first.cell.landscape.data.data_id
    payload = MeasurePayload(
        specs,
        workspace.data_record(data_id),
        workspace.project.prepared / data_id,
        workspace.runs,
        workspace.measurements,
        device,
        workspace.project.custom,
    )
    return Job(f"{first.metric} {first.measurement_id}", payload, job_work(specs, device))


def measure_job(payload: MeasurePayload, cache: WorkerCache) -> None:
    """Make the measurements of one job. Runs in a worker, so that only workers import torch."""
    from landscape_catalog.pipeline.measure.worker import measure_and_keep

    measure_and_keep(payload, cache)
