"""The context of a job's measurements: data, task and networks, each loaded once per job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn

from landscape_catalog.metrics.batch_norm import Statistics
from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.pipeline.shared.custom_code import import_custom
from landscape_catalog.pipeline.shared.custom_metrics import isolated
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data, load_state
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.pipeline.shared.states import shaped_like
from landscape_catalog.runner.worker_cache import CacheKind, WorkerCache
from landscape_catalog.tasks import Samples

Value = TypeVar("Value")
# Evaluations of runs at the endpoints of curves. These are a few numbers each, without weights.
ENDPOINTS: CacheKind[Any] = CacheKind("endpoints", most=10_000)
# Buffers of networks with recomputed batch-norm statistics.
BUFFERS: CacheKind[dict[str, Tensor]] = CacheKind("buffers", most=1_000)


class JobContext:
    """Everything that the measurements of one job share.

    They all belong to one cell, or to cells with the same data, network and task.

    Attributes:
        payload: the job.
        cache: the worker's cache, shared with its other jobs.
        remembered: values shared by the measurements of this job.
    """

    def __init__(self, payload: MeasurePayload, cache: WorkerCache) -> None:
        self.payload, self.cache = payload, cache
        self.data: LoadedData = load_data(payload.prepared, payload.data, payload.device, cache)
        self.cell = payload.specs[0].cell
        self.task = self.data.task(self.cell, payload.custom)
        self.remembered: dict[tuple[Any, ...], Any] = {}

    def measurement(self, spec: MeasurementSpec) -> MeasurementContext:
        """The context of one measurement of the job."""
        return MeasurementContext(self, spec)

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """The value that `make` returns, computed once per job."""
        if key not in self.remembered:
            self.remembered[key] = make()
        found: Value = self.remembered[key]
        return found

    def state(self, run_id: str, snapshot: str) -> dict[str, Tensor]:
        """The state dict of a run."""
        folder, device = self.payload.runs.path(run_id), self.payload.device

        def make() -> dict[str, Tensor]:
            return shaped_like(self._untrained, load_state(folder, device, snapshot))

        return self.remember(("state", run_id, snapshot), make)

    @property
    def _untrained(self) -> nn.Module:
        """A network built without loading any weights, for names and shapes."""
        return self.remember(
            ("untrained",), lambda: self.data.network(self.cell, self.payload.custom)
        )

    @property
    def trainable_names(self) -> list[str]:
        """Names of the trainable parameters, of a network built without loading any weights."""
        parameters = self._untrained.named_parameters()
        return [name for name, parameter in parameters if parameter.requires_grad]

    def network(self, run_id: str, snapshot: str, *, fresh: bool) -> nn.Module:
        """A network with these weights, in eval mode; a new one if `fresh`."""

        def make() -> nn.Module:
            network = self.data.network(self.cell, self.payload.custom).to(self.payload.device)
            network.load_state_dict(self.state(run_id, snapshot))
            return network.eval()

        return make() if fresh else self.remember(("network", run_id, snapshot), make)

    def recomputed(
        self, run_id: str, snapshot: str, *, batch_size: int, seed: int, fresh: bool
    ) -> nn.Module:
        """The same with batch-norm statistics recomputed, once per worker for built-in networks."""
        key = (run_id, snapshot, batch_size, seed)

        def make() -> nn.Module:
            network = self.network(run_id, snapshot, fresh=True)
            known = self.cache.peek(BUFFERS, key)
            if known is not None:
                network.load_state_dict(known, strict=False)
                return network
            recompute_batchnorm(
                network, self.data.train, self.task, batch_size=batch_size, seed=seed
            )
            if self.cell.built_in is not None:
                buffers = {name: value.clone() for name, value in network.named_buffers()}
                self.cache.put(BUFFERS, key, buffers)
            return network

        return make() if fresh else self.remember(("recomputed", *key), make)


class MeasurementContext:
    """The context of one measurement; implements the protocol `metrics.context.Context`."""

    def __init__(self, job: JobContext, spec: MeasurementSpec) -> None:
        self._job, self._spec = job, spec

    @property
    def id(self) -> str:
        """Id of the measurement."""
        return self._spec.measurement_id

    @property
    def settings(self) -> Any:
        """Settings of the probe."""
        return self._spec.settings

    @property
    def method(self) -> str:
        """How the metric is computed, in words."""
        return self._spec.declaration.method(self.settings)

    @property
    def train(self) -> Samples:
        """The training samples."""
        return self._job.data.train

    @property
    def test(self) -> Samples:
        """The test samples."""
        return self._job.data.test

    @property
    def task(self) -> Any:
        """The task, which defines loss and error."""
        return self._job.task

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Ids of the run, or of the two runs of a pair."""
        return tuple(run.run_id for run in self._spec.runs)

    @property
    def snapshot(self) -> str:
        """The snapshot of the runs' weights to measure."""
        return self._spec.snapshot

    @property
    def statistics(self) -> Statistics | None:
        """Which batch-norm statistics it sees, if not those of the authors' code."""
        return self._spec.statistics

    @property
    def is_custom(self) -> bool:
        """Whether the network or the task is custom."""
        return self._spec.is_custom

    @property
    def group(self) -> Sequence[MeasurementContext]:
        """All measurements of the job, which may be computed as one batch."""
        return [self._job.measurement(spec) for spec in self._job.payload.specs]

    @property
    def is_grouped(self) -> bool:
        """Whether the measurements of the job are computed as one batch."""
        return self._spec.procedure.group_id is not None

    @property
    def function(self) -> Callable[..., Any]:
        """The function of a custom metric."""
        name, folder = self.settings.function, self._job.payload.custom
        return isolated(partial(import_custom, name, folder, code=self._spec.procedure.code))

    @property
    def trainable_names(self) -> Sequence[str]:
        """Names of the trainable parameters."""
        return self._job.trainable_names

    def network(self, which: int = 0, *, fresh: bool = False) -> nn.Module:
        """A network with the weights of a run, in eval mode; a new one if `fresh`.

        Its batch-norm statistics are recomputed if the measurement's `statistics` say so.
        """
        statistics = self.statistics
        if statistics is None or statistics.batch_size is None:
            return self._job.network(self.run_ids[which], self.snapshot, fresh=fresh)
        return self._recomputed(which, statistics.batch_size, fresh=fresh)

    def recomputed(self, batch_size: int) -> nn.Module:
        """The first run's network with batch-norm statistics recomputed with this batch size."""
        return self._recomputed(0, batch_size, fresh=False)

    def _recomputed(self, which: int, batch_size: int, *, fresh: bool) -> nn.Module:
        return self._job.recomputed(
            self.run_ids[which],
            self.snapshot,
            batch_size=batch_size,
            seed=self._spec.statistics_seed,
            fresh=fresh,
        )

    def state(self, which: int = 0) -> dict[str, Tensor]:
        """The state dict of a run."""
        return self._job.state(self.run_ids[which], self.snapshot)

    @property
    def repeat(self) -> int:
        """Index of the repeat, from 0."""
        return self._spec.repeat

    def seed(self, purpose: str, *labels: str | int, repeat: int | None = None) -> int:
        """A seed for one purpose, the same for every run and pair on the same data."""
        return self._spec.seed(purpose, *labels, repeat=repeat)

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """The value that `make` returns, computed once for all measurements of the job."""
        return self._job.remember(key, make)

    def recall_endpoint(self, key: tuple[Any, ...]) -> Any | None:
        """The evaluation of a curve's endpoint cached under this key, or None."""
        return self._job.cache.peek(ENDPOINTS, key)

    def store_endpoint(self, key: tuple[Any, ...], value: Any) -> None:
        """Cache the evaluation of a curve's endpoint for later jobs of this worker."""
        self._job.cache.put(ENDPOINTS, key, value)
