"""Stage 2: trains every run of the grid, once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.costs import work_of
from landscape_catalog.pipeline.shared.payloads import TrainPayload
from landscape_catalog.pipeline.shared.workspace import (
    Workspace,
    check_content,
    open_workspace,
    raise_failures,
    work_through,
)
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.timings import Work
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.artifacts import FIRST_SNAPSHOT
from landscape_catalog.store.lock import project_lock
from landscape_catalog.store.records import RunRecord

log = logging.getLogger(__name__)


def run_train(root: Path) -> None:
    """Train the runs that neither the project nor the store has; remove runs not in the grid.

    Raises:
        MissingArtifactError: if the data have not been prepared.
        ContentMismatchError: if a run was trained on different data under the same id.
        JobsFailedError: if some runs failed; the others are kept.
    """
    workspace = open_workspace(root)
    with project_lock(workspace.project.lock):
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
        with chosen_executor(workspace.experiment.execution) as executor:
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
        JobsFailedError: if some runs failed; the others are kept.
    """
    device = chosen_device(workspace.experiment.execution)
    jobs = [_job(workspace, run, device) for run in runs]
    failures = work_through(workspace, "train", train_one, jobs, executor=executor)
    raise_failures(workspace, "train", failures)


def _job(workspace: Workspace, run: Run, device: str) -> Job:
    """The job of one run, with its size."""
    prepared = workspace.project.prepared / _data_id(run)
    payload = TrainPayload(
        (run,),
        workspace.data_record(_data_id(run)),
        prepared,
        workspace.runs,
        device,
        workspace.project.custom,
        workspace.experiment.measure.snapshots,
    )
    return Job(run.run_id, payload, train_work(run))


def train_work(run: Run) -> Work:
    """The size of training a run, assuming that it does not stop early."""
    cell = run.cell
    batch_size, train = cell.temperature["batch_size"], cell.train
    steps = train.epochs * (cell.landscape.data.samples // batch_size)
    if train.stopping == "updates":
        steps = train.updates
    return work_of(cell, "train", batch_size=batch_size, steps=steps, forward_passes=3)


def _has_snapshots(workspace: Workspace, record: RunRecord) -> bool:
    """Whether a run has all snapshots that are to be measured."""
    wanted = set(workspace.experiment.measure.snapshots)
    return wanted <= {FIRST_SNAPSHOT, *record.other_snapshots}


def _data_id(run: Run) -> str:
    return run.cell.landscape.data.data_id


def train_one(payload: TrainPayload, cache: WorkerCache) -> None:
    """Train one run. Runs in a worker, so that only workers import torch."""
    from landscape_catalog.pipeline.train.worker import train_and_keep

    train_and_keep(payload, cache)
