"""A trained run: its specification, its training history, and the network with its weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from landscape_catalog.errors import CodeError, ContentMismatchError, MissingArtifactError
from landscape_catalog.experiment.components import Component
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.components import network_component, task_component
from landscape_catalog.pipeline.shared.custom_code import default_dtype_restored
from landscape_catalog.pipeline.shared.measurement_specs import statistics_seed
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.artifacts import read_data_record, read_history, read_run
from landscape_catalog.store.location import store_root
from landscape_catalog.store.records import FIRST_SNAPSHOT, DataRecord, Provenance, RunRecord
from landscape_catalog.tasks.registry import default_task

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor, nn

    from landscape_catalog.pipeline.shared.loading import LoadedData
    from landscape_catalog.tasks import Data, Task

_RUN_ID = re.compile("[0-9a-f]+")


class StoredRun:
    """A run stored in data/runs or in the shared store, verified when it is opened.

    Its network and task are rebuilt from the run's own record, independently of params.yaml.

    Attributes:
        run_id: hash of its specification.
        record: everything stored beside the weights.
    """

    def __init__(self, project: Project, run_id: str, cache: WorkerCache) -> None:
        self._project, self._cache = project, cache
        self._folder = project.runs / str(run_id)
        self.run_id = run_id
        try:
            if not _RUN_ID.fullmatch(str(run_id)):  # such as a path that leaves the folder
                raise FileNotFoundError(run_id)
            if not self._folder.exists():
                self._folder = store_root(project) / "runs" / str(run_id)
            self.record: RunRecord = read_run(self._folder)
        except FileNotFoundError:
            raise MissingArtifactError(
                f"there is no run `{run_id}` in {project.shown(project.runs)}, nor in the shared "
                "store. The catalog's table `runs` lists all runs; those of published and "
                "collected results were trained elsewhere"
            ) from None

    def __repr__(self) -> str:
        model = self.spec["model"]
        return f"<run {self.run_id}: {model['name']}, width {model['width']}, seed {self.seed}>"

    @property
    def seed(self) -> int:
        """Seed of the initial weights and of the order of batches."""
        return self.record.seed

    @property
    def spec(self) -> dict[str, Any]:
        """What the id is a hash of: data, model, task, train, temperature and seed."""
        return self.record.spec

    @property
    def provenance(self) -> Provenance:
        """The version of torch, the device and the processor that trained it."""
        return self.record.provenance

    @property
    def history(self) -> pl.DataFrame:
        """One row per epoch, starting at 1: training loss and error, and the test error if training
        stopped by it."""
        import polars as pl

        values = read_history(self._folder)
        epochs = pl.Series("epoch", range(1, self.record.n_epochs + 1), dtype=pl.Int64)
        return pl.DataFrame([epochs, *(pl.Series(name, values[name]) for name in values)])

    @property
    def snapshots(self) -> dict[str, int]:
        """The epoch of each snapshot of the weights that was kept, by the snapshot's name."""
        return self.record.snapshots

    def weights(self, snapshot: str = FIRST_SNAPSHOT) -> dict[str, Tensor]:
        """The state dict of a snapshot.

        Raises:
            MissingArtifactError: if it was not kept.
        """
        from landscape_catalog.pipeline.shared.loading import load_state

        if snapshot not in self.snapshots:
            kept = ", ".join(self.snapshots)
            raise MissingArtifactError(
                f"run {self.run_id} keeps no weights `{snapshot}`; it keeps {kept}"
            )
        return load_state(self._folder, "cpu", snapshot)

    def network(
        self, snapshot: str = FIRST_SNAPSHOT, *, recompute_batch_norm: int | None = None
    ) -> nn.Module:
        """The network with its weights, in eval mode, on the CPU.

        Args:
            snapshot: which weights.
            recompute_batch_norm: None leaves the running batch-norm statistics of training. A
                batch size recomputes them as `measure.batch_norm: recomputed` does; with that of
                the experiment's first connectivity probe this is the network that is measured.

        Raises:
            MissingArtifactError: if there is no such snapshot, or if the prepared data, which
                determine the network's shape, are missing.
            CodeError: if the code of a custom network is missing or has changed.
            ContentMismatchError: if the rebuilt network does not have these weights, or the data
                have changed.
            ValueError: if the batch size is larger than the data, or leaves batch norm a single
                value per channel.
        """
        model = self.spec["model"]
        weights = self.weights(snapshot)
        name, args = self._part(network_component, model)
        with reproducible():
            network = self._data.network_of(name, model["width"], args, self._project.custom)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ContentMismatchError(
                f"run {self.run_id}: the network that {name} builds now does not match "
                f"the stored weights: {error}"
            ) from error
        network.eval()
        if recompute_batch_norm is not None:
            from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm

            seed = statistics_seed(self.spec["data"])
            with reproducible():
                recompute_batchnorm(
                    network, self.data.train, self.task, batch_size=recompute_batch_norm, seed=seed
                )
        return network

    @property
    def task(self) -> Task:
        """The task (loss and error) of its training. Raises the errors of `network`."""
        task = self.spec.get("task", {"name": default_task(self._data.record.kind)})
        name, args = self._part(task_component, task)
        with reproducible():
            return self._data.task_of(name, args, self._project.custom)

    @property
    def data(self) -> Data:
        """Training and test samples, on the CPU. Raises the errors of `network`."""
        from landscape_catalog.tasks import Data

        return Data(self._data.train, self._data.test)

    @cached_property
    def _data(self) -> LoadedData:
        from landscape_catalog.pipeline.shared.loading import load_data

        folder = self._project.prepared / self.spec["data"]
        return load_data(folder, self._data_record(), "cpu", self._cache)

    def _data_record(self) -> DataRecord:
        folder = self._project.prepared / self.spec["data"]
        try:
            record = read_data_record(folder)
        except FileNotFoundError:
            raise MissingArtifactError(
                f"{self._project.shown(folder)}, the data of run {self.run_id}, is missing: run "
                "`landscape prepare`"
            ) from None
        if record.content_hash != self.record.data_content_hash:
            raise ContentMismatchError(
                f"run {self.run_id} was trained on other content of data {record.data_id} than "
                "is prepared here"
            )
        return record

    def _part(
        self, find: Callable[[str, Project], Component], spec: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Name and arguments of the network or task that the spec of the run describes.

        Raises:
            CodeError: if its source, if it is custom, is not the one that trained the run.
        """
        with default_dtype_restored():
            component = find(spec["name"], self._project)
        if component.code != spec.get("code"):
            raise CodeError(
                f"{component.name}: its source has changed since run {self.run_id} was trained "
                "with it; check out the earlier version to rebuild the run"
            )
        extra: dict[str, Any] = self.spec["temperature"].get("extra", {})
        return component.name, spec.get("args", {}) | component.accepted(extra)
