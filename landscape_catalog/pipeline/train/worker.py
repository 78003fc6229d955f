"""The worker side of stage 2: trains one run and writes it."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import numpy as np
from torch import nn

from landscape_catalog.errors import ContentMismatchError, DamagedFileError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data
from landscape_catalog.pipeline.shared.payloads import TrainPayload
from landscape_catalog.runner.device import provenance
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.store.artifacts import (
    FIRST_SNAPSHOT,
    pack_run,
    read_run,
    read_weights,
    write_run,
)
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.files import remove
from landscape_catalog.store.records import RunRecord
from landscape_catalog.training import Recipe, TrainedRun, train

Arrays = dict[str, np.ndarray]


def train_and_keep(payload: TrainPayload, cache: WorkerCache) -> None:
    """Train runs, and write each to the project and to the store.

    Raises:
        ContentMismatchError: if the run exists without a snapshot that is wanted now, and
            retraining it with the same software and hardware gave different weights.
    """
    for run in payload.runs:
        _train_and_keep(payload, run, cache)


def _train_and_keep(payload: TrainPayload, run: Run, cache: WorkerCache) -> None:
    device = payload.device
    data = load_data(payload.prepared, payload.data, device, cache)
    folder = payload.cache.path(run.run_id)
    former = _former(payload.cache, run.run_id)
    kept = former[1].other_snapshots if former else {}
    wanted = {*payload.snapshots, *kept}
    trained, n_parameters = _train(payload, run, data, wanted)
    snapshots = {
        name: {key: value.cpu().numpy() for key, value in snapshot.state.items()}
        for name, snapshot in trained.snapshots.items()
    }
    weights = pack_run(snapshots, _history(trained))
    record = RunRecord(
        run_id=run.run_id,
        cell_id=run.cell.cell_id,
        seed=run.seed,
        spec=run.content,
        data_content_hash=data.record.content_hash,
        n_parameters=n_parameters,
        n_epochs=len(trained.history),
        stop_reason=trained.stop_reason,
        best_epoch=trained.snapshots[FIRST_SNAPSHOT].epoch,
        other_snapshots={
            name: snapshot.epoch
            for name, snapshot in trained.snapshots.items()
            if name != FIRST_SNAPSHOT
        },
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        provenance=provenance(device),
    )
    if former is not None:
        _require_same_weights(*former, record, snapshots[FIRST_SNAPSHOT])
        remove(folder)  # the new run is complete in memory, and the store may have the former one
    write_run(folder, record, weights)
    payload.cache.share(run.run_id, overwrite=former is not None)


def recipe_of(run: Run) -> Recipe:
    """The training recipe of a run: the `train` section, the temperature and the scaled `lr`."""
    cell = run.cell
    chosen = {**cell.train.model_dump(), **cell.temperature, "lr": cell.lr}
    return Recipe(**{field.name: chosen[field.name] for field in fields(Recipe)})


def _train(
    payload: TrainPayload, run: Run, data: LoadedData, snapshots: set[str]
) -> tuple[TrainedRun, int]:
    cell, custom = run.cell, payload.custom
    seed = derive_seed("run", cell.cell_id, run.seed)
    task = data.task(cell, custom)
    network = data.network(cell, custom, seed=seed).to(payload.device)

    def test_error(network: nn.Module) -> float:
        return evaluate(network, data.test, task).quantity(task.connectivity_by)

    trained = train(
        network,
        data.train,
        task,
        recipe_of(run),
        seed=seed,
        snapshots=snapshots,
        test_error=test_error,
    )
    return trained, sum(p.numel() for p in network.parameters() if p.requires_grad)


def _history(trained: TrainedRun) -> Arrays:
    history = {
        "train_loss": np.array([epoch.train_loss for epoch in trained.history]),
        "train_error": np.array([epoch.train_error for epoch in trained.history]),
    }
    tested = [epoch.test_error for epoch in trained.history]
    if any(value is not None for value in tested):
        history["test_error"] = np.array([np.nan if v is None else v for v in tested])
    return history


def _former(cache: ArtifactCache, run_id: str) -> tuple[Path, RunRecord] | None:
    """The existing run in the project or the store, which lacks a snapshot that is wanted now.

    It is intact, since the stage has verified it and removed damaged copies.
    """
    for folder in (cache.path(run_id), cache.shared_path(run_id)):
        try:
            return folder, read_run(folder, verified=True)
        except (FileNotFoundError, DamagedFileError):
            continue
    return None


def _require_same_weights(
    folder: Path, former: RunRecord, record: RunRecord, weights: Arrays
) -> None:
    """Require that a run retrained for a further snapshot has the same weights as before."""
    if former.provenance != record.provenance:
        return  # another machine may give other bits
    known = read_weights(folder)  # 0-dimensional arrays are stored with one dimension
    pairs = ((known[name].ravel(), value.ravel()) for name, value in weights.items())
    if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        raise ContentMismatchError(
            f"run {record.run_id} was trained again and has different weights than before. Its "
            f"earlier measurements must not be mixed with new ones: remove {folder.name} from "
            f"data/ and the store"
        )
