"""Stage 2: trains every run of the grid, once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.machine import Memory, main_memory
from landscape_catalog.pipeline.shared.limits import (
    measuring_problems,
    require_possible,
    training_problems,
    worker_problems,
)
from landscape_catalog.pipeline.shared.payloads import TrainPayload
from landscape_catalog.pipeline.shared.speed import speed_for
from landscape_catalog.pipeline.shared.workspace import (
    Workspace,
    check_content,
    one_stage,
    open_workspace,
    raise_failures,
    work_through,
)
from landscape_catalog.pipeline.train.groups import job_work, planned_groups, train_work
from landscape_catalog.pipeline.train.memory import MemoryShare, training_memory
from landscape_catalog.pipeline.train.recovery import SplitAndRetry
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.memory import GPU_WORKER_BYTES, RECORDED_BYTES, gpu_share
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.files import ensure_folder
from landscape_catalog.store.partial import partial_folder, remove_leftovers, runs_in
from landscape_catalog.store.records import RunRecord

log = logging.getLogger(__name__)


def run_train(root: Path) -> None:
    """Train the runs that neither the project nor the store has; remove runs not in the grid.

    Raises:
        MissingArtifactError: if the data have not been prepared.
        SpecError: if this machine cannot train the runs, or cannot measure them afterwards.
        ContentMismatchError: if a run was trained on different data under the same id.
        JobsFailedError: if some runs failed; the others are kept.
    """
    workspace = open_workspace(root)
    with one_stage(workspace):
        ensure_folder(workspace.project.runs)
        workspace.data_records()  # raises unless all data are prepared and intact
        removed = workspace.runs.prune({run.run_id for run in workspace.grid.runs})
        missing = missing_runs(workspace)
        log.info(
            "train: %d runs in the grid, %d already there, %d to train, %d removed",
            len(workspace.grid.runs),
            len(workspace.grid.runs) - len(missing),
            len(missing),
            removed,
        )
        if missing:
            require_possible(measuring_problems(workspace))  # `measure` would stop hours later
        with chosen_executor(workspace.execution) as executor:
            train_runs(workspace, missing, executor)
        log.info("train: %d runs trained", len(missing))


def missing_runs(workspace: Workspace) -> list[Run]:
    """The runs of the grid that neither the project nor the store has.

    Raises:
        ContentMismatchError: if an existing run was trained on different data under the same id.
    """
    missing = []
    for run in workspace.grid.runs:
        record = workspace.runs.fetch(run.run_id, partial(_has_snapshots, workspace))
        if record is None:
            missing.append(run)
        else:
            data = workspace.data_record(_data_id(run))
            check_content(run.run_id, record.data_content_hash, data)
    return missing


def train_runs(workspace: Workspace, runs: Sequence[Run], executor: Executor) -> None:
    """Train runs and write them to the project and the store.

    Raises:
        SpecError: if there are too many workers for this machine, or a run takes years.
        TooLittleMemoryError: if a run needs more than all memory of the machine.
        JobsFailedError: if some runs failed; the others are kept.
    """
    if not runs:
        _remove_leftovers(workspace)
        raise_failures(workspace, "train", [])
        return
    execution, partial_runs = workspace.experiment.execution, partial_folder(workspace.store)
    require_possible(
        [
            *worker_problems(execution),
            *training_problems(execution, ((run.cell, train_work(run)) for run in runs)),
        ]
    )
    device = chosen_device(execution)
    snapshots = workspace.experiment.measure.snapshots
    if device == "cuda":
        executor.expect(_largest_on_a_gpu(runs, snapshots))
    speed = speed_for(
        workspace.project, device, [job_work([run], device) for run in runs], executor
    )
    share: MemoryShare | None = None
    if device == "cuda":
        on_gpu = gpu_share(executor)
        memory = Memory(on_gpu, on_gpu)
        share = MemoryShare(snapshots, 1, memory, GPU_WORKER_BYTES, RECORDED_BYTES)
    elif execution.engine != "dask":  # Apple's GPU has the machine's memory
        share = MemoryShare(snapshots, executor.count, main_memory())
    fits = share.fits if share is not None else lambda _: True
    groups = planned_groups(runs, speed=speed, workers=executor.count, fits=fits, device=device)
    if share is not None and device != "cuda":
        share.check(groups)
    make_job = partial(_job, workspace, device=device)
    failures = work_through(
        workspace,
        "train",
        train_job,
        [make_job(group) for group in groups],
        executor=executor,
        recover=SplitAndRetry(partial_runs, make_job),
        speed=speed,
        device=device,
    )
    _remove_leftovers(workspace)
    raise_failures(workspace, "train", failures)


def _largest_on_a_gpu(runs: Sequence[Run], snapshots: Collection[str]) -> int:
    """Predicted memory of the largest run by itself, in bytes."""
    one_of_each = {run.cell.cell_id: run for run in runs}.values()
    return max(
        training_memory([run], snapshots, worker=GPU_WORKER_BYTES, recorded=RECORDED_BYTES)
        for run in one_of_each
    )


def _remove_leftovers(workspace: Workspace) -> None:
    """Remove what killed processes have left of the grid's finished runs, also in former calls."""
    folder, finished = partial_folder(workspace.store), {}
    for run_id in runs_in(folder) & {run.run_id for run in workspace.grid.runs}:
        if (record := workspace.runs.peek(run_id)) is not None:
            finished[run_id] = list(record.snapshots)
    remove_leftovers(folder, finished)


def _job(workspace: Workspace, runs: Sequence[Run], *, device: str) -> Job:
    """The job that trains some runs, with its size."""
    records = {_data_id(run): workspace.data_record(_data_id(run)) for run in runs}
    payload = TrainPayload(
        tuple(runs),
        records,
        workspace.project.prepared,
        workspace.runs,
        device,
        workspace.project.custom,
        workspace.experiment.measure.snapshots,
        partial_folder(workspace.store),
        workspace.experiment.execution.checkpoint_seconds,
    )
    others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return Job(runs[0].run_id + others, payload, job_work(runs, device))


def _has_snapshots(workspace: Workspace, record: RunRecord) -> bool:
    """Whether a run has all snapshots that are to be measured."""
    return set(workspace.experiment.measure.snapshots) <= record.snapshots.keys()


def _data_id(run: Run) -> str:
    return run.cell.landscape.data.data_id


def train_job(payload: TrainPayload, cache: WorkerCache) -> None:
    """Train the runs of one job. Runs in a worker, so that only workers import torch."""
    from landscape_catalog.pipeline.train.worker import train_and_keep

    train_and_keep(payload, cache)
