"""Stage 2: every run of the grid, trained once."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from landscape_catalog.execution.artifacts import pack_run, write_run
from landscape_catalog.execution.device import (
    chosen_device,
    chosen_workers,
    make_deterministic,
    provenance,
)
from landscape_catalog.execution.lock import project_lock
from landscape_catalog.execution.store import Shelf
from landscape_catalog.schemas.grid import Run
from landscape_catalog.schemas.identity import derive_seed
from landscape_catalog.schemas.records import RunRecord
from landscape_catalog.stages.loading import LoadedData, load_data
from landscape_catalog.stages.sizes import train_work
from landscape_catalog.stages.workspace import (
    Task,
    Workspace,
    check_content,
    open_workspace,
    work_through,
)
from landscape_catalog.training import Recipe, TrainedRun, train

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainPayload:
    """What a worker needs to train one run."""

    run: Run
    prepared: Path
    shelf: Shelf
    device: str


def run_train(root: Path) -> None:
    """Train the runs that neither the project nor the store has; remove what the grid lacks.

    Raises:
        MissingArtifactError: if the data have not been prepared.
        ContentMismatchError: if a run was trained on other data under the same id.
        JobsFailedError: if some runs failed; the others are kept.
    """
    workspace = open_workspace(root)
    device = chosen_device(workspace.experiment.execution)
    with project_lock(workspace.project.lock):
        data = workspace.data_records()
        removed = workspace.runs.prune({run.run_id for run in workspace.grid.runs})
        missing = []
        for run in workspace.grid.runs:
            record = workspace.runs.fetch(run.run_id)
            if record is None:
                missing.append(run)
            else:
                check_content(run.run_id, record.data_content_hash, data[_data_id(run)])
        log.info(
            "train: %d runs in the grid, %d already there, %d to train, %d removed",
            len(workspace.grid.runs),
            len(workspace.grid.runs) - len(missing),
            len(missing),
            removed,
        )
        tasks = [train_task(workspace, run, device) for run in missing]
        workers = chosen_workers(workspace.experiment.execution)
        work_through(workspace, "train", train_one, tasks, workers=workers)
        log.info("train: %d runs trained", len(missing))


def train_task(workspace: Workspace, run: Run, device: str) -> Task:
    """The job of one run, with its size."""
    prepared = workspace.project.prepared / _data_id(run)
    payload = TrainPayload(run, prepared, workspace.runs, device)
    return Task(run.run_id, payload, train_work(run))


def _data_id(run: Run) -> str:
    return run.cell.landscape.data.data_id


def train_one(payload: TrainPayload) -> None:
    """Train one run and keep it, in the project and in the store. Runs in a worker."""
    make_deterministic()
    run = payload.run
    data = load_data(payload.prepared, payload.device)
    trained, n_parameters = _train(run, data, payload.device)
    weights = pack_run(
        {name: value.cpu().numpy() for name, value in trained.state.items()},
        {
            "train_loss": np.array([epoch.train_loss for epoch in trained.history]),
            "train_error": np.array([epoch.train_error for epoch in trained.history]),
        },
    )
    record = RunRecord(
        run_id=run.run_id,
        cell_id=run.cell.cell_id,
        seed=run.seed,
        spec=run.content,
        data_content_hash=data.record.content_hash,
        n_parameters=n_parameters,
        n_epochs=len(trained.history),
        stop_reason=trained.stop_reason,
        best_epoch=trained.best_epoch,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        provenance=provenance(payload.device),
    )
    write_run(payload.shelf.path(run.run_id), record, weights)
    payload.shelf.share(run.run_id)


def _train(run: Run, data: LoadedData, device: str) -> tuple[TrainedRun, int]:
    cell = run.cell
    seed = derive_seed("run", cell.cell_id, run.seed)
    network = data.network(cell.landscape.model, seed=seed).to(device)
    fields = asdict(Recipe())
    chosen = {**cell.training, **cell.temperature}
    recipe = Recipe(**{name: chosen[name] for name in fields})
    trained = train(network, data.train_images, data.train_labels, data.task, recipe, seed=seed)
    return trained, sum(p.numel() for p in network.parameters() if p.requires_grad)
