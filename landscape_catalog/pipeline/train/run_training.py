"""One run of a training job: what it is trained with, and how its result is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from torch import nn

from landscape_catalog.errors import (
    CodeError,
    ContentMismatchError,
    DamagedFileError,
    LandscapeError,
)
from landscape_catalog.experiment.grid import Run
from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.graphs.recordable import why_not_recorded
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.pipeline.shared.loading import load_data
from landscape_catalog.pipeline.shared.payloads import TrainPayload
from landscape_catalog.pipeline.shared.recipes import recipe_of
from landscape_catalog.pipeline.shared.states import Arrays
from landscape_catalog.pipeline.train.checkpoints import Interval, RunCheckpoints, checkpoint_key
from landscape_catalog.pipeline.train.storing import stored_snapshots
from landscape_catalog.runner.activity import report_progress
from landscape_catalog.runner.device import provenance
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.store.artifacts import (
    pack_run,
    read_run,
    read_weights,
    write_run,
)
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.files import remove
from landscape_catalog.store.partial import remove_checkpoint
from landscape_catalog.store.records import FIRST_SNAPSHOT, RunRecord
from landscape_catalog.training import (
    EpochRecord,
    Member,
    TrainedRun,
    train,
)
from landscape_catalog.training.grouping import records_on_gpu


class RunTraining:
    """One run of a job: what it is trained with, and how its result is kept."""

    def __init__(
        self,
        payload: TrainPayload,
        run: Run,
        cache: WorkerCache,
        interval: Interval,
        left: float,
    ) -> None:
        cell, device = run.cell, payload.device
        self.payload, self.run, self.left = payload, run, left
        data_id = cell.landscape.data.data_id
        self.data = load_data(payload.prepared / data_id, payload.data[data_id], device, cache)
        self.task = self.data.task(cell, payload.custom)
        self.seed = derive_seed("run", cell.cell_id, run.seed)
        network = self.data.network(cell, payload.custom, seed=self.seed)
        self.network = network.to(device)
        self.recipe = recipe_of(cell)
        self.former = _former(payload.cache, run.run_id)
        kept = self.former[1].other_snapshots if self.former else {}
        self.snapshots = {*payload.snapshots, *kept}
        self.steps_an_epoch = len(self.data.train) // self.recipe.batch_size
        self.total = self.recipe.total_updates(len(self.data.train))
        self.error: LandscapeError | None = None  # must not stop the others of the group
        content_hash = self.data.record.content_hash
        key = checkpoint_key(run.run_id, content_hash, self.snapshots, provenance(device))
        self.checkpoints = RunCheckpoints(
            payload.partial, key, interval, job_steps=len(payload.runs) * self.total
        )

    def test_error(self, network: nn.Module) -> float:
        """The test error by which `best_test` weights are chosen."""
        return evaluate(network, self.data.test, self.task).quantity(self.task.connectivity_by)

    def report(self, epoch: EpochRecord) -> None:
        """Report how far the job is, of which a share was left for this worker."""
        done = min(epoch.epoch * self.steps_an_epoch / self.total, 1.0)
        report_progress(1 - self.left * (1 - done))

    def can_be_replayed(self) -> bool:
        """Whether the job's runs are trained on a GPU by recorded steps."""
        if not self.on_cuda:
            return False
        batch = self.data.train[: self.recipe.batch_size]
        why = why_not_recorded(self.network.train(), batch, self.task)
        if not why:
            return True
        if records_on_gpu(self.run.cell.built_in):
            warn_once(
                f"runs of {self.run.cell.landscape.model.name} are trained one by one and step by "
                f"step on this GPU, which is slower, since the network cannot be recorded: {why}"
            )
        return False

    @property
    def is_stacked(self) -> bool:
        """Whether the job's runs are trained in a stack, if they are not replayed.

        Never on CUDA, where bits depend on the size of a stack.
        """
        return self.run.cell.is_grouped and not self.on_cuda

    @property
    def on_cuda(self) -> bool:
        """Whether the run is trained on a GPU of NVIDIA."""
        return self.data.train.inputs.device.type == "cuda"

    def train_alone(self) -> None:
        """Train the run by itself."""
        trained = train(
            self.network,
            self.data.train,
            self.task,
            self.recipe,
            seed=self.seed,
            snapshots=self.snapshots,
            test_error=self.test_error,
            on_epoch=self.report,
            checkpoints=self.checkpoints,
        )
        self.keep(trained)

    def as_member(self) -> Member:
        """The run as a member of a group; each reports progress, since any may end early."""
        return Member(
            self.network,
            self.data.train,
            self.task,
            self.recipe,
            self.seed,
            snapshots=self.snapshots,
            test_error=self.test_error,
            on_epoch=self.report,
            on_end=self.keep,
            checkpoints=self.checkpoints,
        )

    def keep(self, trained: TrainedRun) -> None:
        """Write the result to the project and the store, and remove the checkpoint."""
        run, cache = self.run, self.payload.cache
        try:
            snapshots = self._stored(trained)
        except CodeError as error:
            self.error = error
            remove_checkpoint(self.payload.partial, run.run_id)  # it lacks what is not stored, too
            return
        weights = pack_run(snapshots, _history(trained))
        record = self._record(trained, hashlib.sha256(weights).hexdigest())
        folder = cache.path(run.run_id)
        if self.former is not None:
            try:
                _require_same_weights(*self.former, record, snapshots[FIRST_SNAPSHOT])
            except ContentMismatchError as error:
                self.error = error
                return
            remove(folder)  # the new run is complete in memory; the store may have the former one
        write_run(folder, record, weights)
        cache.share(run.run_id, overwrite=self.former is not None)
        remove_checkpoint(self.payload.partial, run.run_id)

    def _stored(self, trained: TrainedRun) -> dict[str, Arrays]:
        """The snapshots as arrays; raises the errors of `stored_snapshots`."""
        cell, custom = self.run.cell, self.payload.custom
        rebuilt = self.data.network(cell, custom).to(self.payload.device)
        return stored_snapshots(
            trained,
            (self.network, self.task),
            (rebuilt, self.data.task(cell, custom)),
            self.data.train,
            cell.landscape.model.name,
        )

    def _record(self, trained: TrainedRun, weights_sha256: str) -> RunRecord:
        run, parameters = self.run, self.network.parameters()
        return RunRecord(
            run_id=run.run_id,
            cell_id=run.cell.cell_id,
            seed=run.seed,
            spec=run.content,
            data_content_hash=self.data.record.content_hash,
            n_parameters=sum(p.numel() for p in parameters if p.requires_grad),
            n_epochs=len(trained.history),
            stop_reason=trained.stop_reason,
            best_epoch=trained.snapshots[FIRST_SNAPSHOT].epoch,
            other_snapshots={
                name: snapshot.epoch
                for name, snapshot in trained.snapshots.items()
                if name != FIRST_SNAPSHOT
            },
            weights_sha256=weights_sha256,
            computed="grouped" if self.is_stacked else "alone",
            provenance=provenance(self.payload.device),
        )


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
    try:
        known = read_weights(folder)  # 0-dimensional arrays are stored with one dimension
    except FileNotFoundError:  # it was in the store, and has been pruned meanwhile
        return
    pairs = ((known[name].ravel(), value.ravel()) for name, value in weights.items())
    if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        raise ContentMismatchError(
            f"run {record.run_id} was trained again and has different weights than before. Its "
            f"earlier measurements must not be mixed with new ones: remove {folder.name} from "
            f"data/ and the store"
        )
