"""The worker's side of stage 2: one run, trained and kept."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np

from landscape_catalog.execution.artifacts import pack_run, write_run
from landscape_catalog.execution.device import make_deterministic, provenance
from landscape_catalog.schemas.grid import Run
from landscape_catalog.schemas.identity import derive_seed
from landscape_catalog.schemas.records import RunRecord
from landscape_catalog.stages.loading import LoadedData, load_data
from landscape_catalog.stages.train import TrainPayload
from landscape_catalog.training import Recipe, TrainedRun, train


def train_and_keep(payload: TrainPayload) -> None:
    """Train one run and keep it, in the project and in the store."""
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
