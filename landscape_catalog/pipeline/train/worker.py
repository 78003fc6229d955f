"""The worker's side of stage 2: one run, trained and kept."""

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
    """Train one run and keep it, in the project and in the store.

    Raises:
        ContentMismatchError: if the run is there already without a snapshot that is wanted, and
            training it again on the same kind of machine gave other weights.
    """
    run, device = payload.run, payload.device
    data = load_data(payload.prepared, payload.data, device, cache)
    folder = payload.cache.path(run.run_id)
    former = _former(payload.cache, run.run_id)
    kept = former[1].other_snapshots if former else {}
    wanted = {*payload.snapshots, *kept}
    trained, n_parameters = _train(payload, data, wanted)
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
        _hold_against(*former, record, snapshots[FIRST_SNAPSHOT])
        remove(folder)  # it is whole in memory, and the store may still have the former one
    write_run(folder, record, weights)
    payload.cache.share(run.run_id, anew=former is not None)


def recipe_of(run: Run) -> Recipe:
    """How a run is trained: its cell's `train` section and temperature, the rate in effect."""
    cell = run.cell
    chosen = {**cell.train.model_dump(), **cell.temperature, "lr": cell.lr}
    return Recipe(**{field.name: chosen[field.name] for field in fields(Recipe)})


def _train(payload: TrainPayload, data: LoadedData, snapshots: set[str]) -> tuple[TrainedRun, int]:
    run, cell, custom = payload.run, payload.run.cell, payload.custom
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
    """The run as the project or the store has it, without a snapshot that is wanted now.

    What is still there is sound: the stage has verified it, and removed what was damaged.
    """
    for folder in (cache.path(run_id), cache.shared_path(run_id)):
        try:
            return folder, read_run(folder, verified=True)
        except (FileNotFoundError, DamagedFileError):
            continue
    return None


def _hold_against(folder: Path, former: RunRecord, record: RunRecord, weights: Arrays) -> None:
    """A run that is trained again for one more snapshot must come out as it was."""
    if former.provenance != record.provenance:
        return  # other bits are to be expected of another machine
    known = read_weights(folder)  # a counter of no dimension is stored with one
    pairs = ((known[name].ravel(), value.ravel()) for name, value in weights.items())
    if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        raise ContentMismatchError(
            f"run {record.run_id} came out with other weights than it had. What was measured on it "
            f"is not to be mixed with the new ones: remove {folder.name} from data/ and the store"
        )
