"""Stage 3: every metric of every run and pair, measured once."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections import defaultdict
from pathlib import Path

from landscape_catalog.pipeline.shared.finished import converged_runs, needed_of, trained_runs
from landscape_catalog.pipeline.shared.measurements import Needed, losses_needed
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
from landscape_catalog.store.lock import project_lock

log = logging.getLogger(__name__)

CURVES_A_JOB = 8  # as many as `metrics` fits side by side, which only workers load


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
        losses = losses_needed(workspace.grid.runs, workspace.experiment.measure)
        with Workers(chosen_workers(workspace.experiment.execution)) as workers:
            new, failures = _make(workspace, "measure losses", losses, device, workers)
            rest = needed_of(converged_runs(workspace, records), workspace)
            more, others = _make(workspace, "measure", rest, device, workers)
        needed = losses + rest
        removed = workspace.measurements.prune({item.measurement_id for item in needed})
        log.info(
            "measure: %d measurements, %d already there, %d made, %d removed",
            len(needed),
            len(needed) - new - more,
            new + more,
            removed,
        )
        raise_failures(workspace, "measure", failures + others)


def _make(
    workspace: Workspace, title: str, needed: list[Needed], device: str, workers: Workers
) -> tuple[int, list[Failure]]:
    """Make what is missing; says how many were made, and which jobs failed."""
    distinct = {item.measurement_id: item for item in needed}  # probes may differ in name alone
    missing = [item for key, item in distinct.items() if workspace.measurements.fetch(key) is None]
    tasks = [_task(workspace, group, device) for group in _jobs(missing, workers.count)]
    failures = work_through(workspace, title, measure_job, tasks, workers=workers)
    made = sum(workspace.measurements.fetch(item.measurement_id) is not None for item in missing)
    return made, failures


def _jobs(needed: list[Needed], workers: int) -> list[tuple[Needed, ...]]:
    """Group measurements into jobs.

    Hessians and large curves alone, the cheap ones cell by cell. Small curves of one landscape are
    fitted side by side, two at least (a lone one gains nothing), but not so many that a worker has
    nothing to do.
    """
    groups: dict[tuple[str, str], list[Needed]] = defaultdict(list)
    small_curves: dict[str, list[Needed]] = defaultdict(list)
    for item in needed:
        if item.fitted_with is not None:
            small_curves[item.fitted_with].append(item)
            continue
        alone = item.metric in ("hessian", "density", "layers", "connectivity", "barrier")
        key = item.measurement_id if alone else item.cell.cell_id
        groups[item.metric, key].append(item)
    jobs = [tuple(group) for group in groups.values()]
    most = min(max(sum(map(len, small_curves.values())) // workers, 2), CURVES_A_JOB)
    for curves in small_curves.values():
        parts = math.ceil(len(curves) / most)
        jobs += [tuple(curves[i::parts]) for i in range(parts)]
    return jobs


def _task(workspace: Workspace, group: tuple[Needed, ...], device: str) -> Task:
    first = group[0]
    prepared = workspace.project.prepared / first.cell.landscape.data.data_id
    payload = MeasurePayload(
        group,
        prepared,
        workspace.runs,
        workspace.measurements,
        device,
        workspace.project.custom,
    )
    work = dataclasses.replace(first.work, steps=first.work.steps * len(group))
    return Task(f"{first.metric} {first.measurement_id}", payload, work)


def measure_job(payload: MeasurePayload) -> None:
    """Make the measurements of one job. Runs in a worker, which alone needs torch."""
    from landscape_catalog.pipeline.measure.worker import measure_and_keep

    measure_and_keep(payload)
