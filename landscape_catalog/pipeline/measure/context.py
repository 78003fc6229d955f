"""What the measurements of one job work on: data, task, and each network, loaded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn

from landscape_catalog.pipeline.shared.custom_code import import_custom
from landscape_catalog.pipeline.shared.custom_metrics import isolated
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data, load_state
from landscape_catalog.pipeline.shared.measurements import MeasurementSpec
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.runner.worker_cache import CacheKind, WorkerCache
from landscape_catalog.tasks import Samples

Value = TypeVar("Value")
# The evaluation of runs as endpoints of curves: numbers, and no weights.
ENDPOINTS: CacheKind[Any] = CacheKind("endpoints", most=10_000)


class JobContext:
    """What the measurements of one job share.

    All are of one cell, or of cells with the same data, network and task.

    Attributes:
        payload: the job.
        cache: of the worker.
        remembered: what was computed for several measurements of the job.
    """

    def __init__(self, payload: MeasurePayload, cache: WorkerCache) -> None:
        self.payload, self.cache = payload, cache
        self.data: LoadedData = load_data(payload.prepared, payload.data, payload.device, cache)
        self.cell = payload.specs[0].cell
        self.task = self.data.task(self.cell, payload.custom)
        self.remembered: dict[tuple[Any, ...], Any] = {}

    def measurement(self, spec: MeasurementSpec) -> MeasurementContext:
        """The context of one of the job's measurements."""
        return MeasurementContext(self, spec)

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """What `make` gives, computed once a job."""
        if key not in self.remembered:
            self.remembered[key] = make()
        found: Value = self.remembered[key]
        return found

    def state(self, run_id: str, snapshot: str) -> dict[str, Tensor]:
        """Weights of a run."""
        folder, device = self.payload.runs.path(run_id), self.payload.device
        return self.remember(
            ("state", run_id, snapshot), lambda: load_state(folder, device, snapshot)
        )

    @property
    def trainable_names(self) -> list[str]:
        """The names of the parameters that are trained, which a network has without weights too."""

        def make() -> list[str]:
            parameters = self.data.network(self.cell, self.payload.custom).named_parameters()
            return [name for name, parameter in parameters if parameter.requires_grad]

        return self.remember(("trainable names",), make)

    def network(self, run_id: str, snapshot: str, *, fresh: bool) -> nn.Module:
        """A network with those weights, in eval mode."""

        def make() -> nn.Module:
            network = self.data.network(self.cell, self.payload.custom).to(self.payload.device)
            network.load_state_dict(self.state(run_id, snapshot))
            return network.eval()

        return make() if fresh else self.remember(("network", run_id, snapshot), make)


class MeasurementContext:
    """One measurement, as `metrics.context.Context` describes it."""

    def __init__(self, job: JobContext, spec: MeasurementSpec) -> None:
        self._job, self._spec = job, spec

    @property
    def id(self) -> str:
        """Of the measurement."""
        return self._spec.measurement_id

    @property
    def settings(self) -> Any:
        """The section that says how."""
        return self._spec.settings

    @property
    def method(self) -> str:
        """How it is computed, in words."""
        return self._spec.method

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
        """Loss and error."""
        return self._job.task

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of the runs."""
        return tuple(run.run_id for run in self._spec.runs)

    @property
    def snapshot(self) -> str:
        """Which weights of the runs."""
        return self._spec.snapshot

    @property
    def is_custom(self) -> bool:
        """Whether network or task is a user's own."""
        return self._spec.is_custom

    @property
    def group(self) -> Sequence[MeasurementContext]:
        """The measurements of the job, which are computed side by side where that is so at all."""
        return [self._job.measurement(spec) for spec in self._job.payload.specs]

    @property
    def is_grouped(self) -> bool:
        """Whether it is computed side by side."""
        return self._spec.group_id is not None

    @property
    def function(self) -> Callable[..., Any]:
        """The user's own function of a custom metric."""
        name, folder = self.settings.function, self._job.payload.custom
        return isolated(import_custom(name, folder, code=self._spec.code))

    @property
    def trainable_names(self) -> Sequence[str]:
        """The names of the parameters that are trained."""
        return self._job.trainable_names

    def network(self, which: int = 0, *, fresh: bool = False) -> nn.Module:
        """A network with the weights of a run, in eval mode."""
        return self._job.network(self.run_ids[which], self.snapshot, fresh=fresh)

    def state(self, which: int = 0) -> dict[str, Tensor]:
        """The weights of a run, by name."""
        return self._job.state(self.run_ids[which], self.snapshot)

    def seed(self, purpose: str, *apart: str | int) -> int:
        """A seed of one purpose, the same for every run and pair on the same data."""
        return self._spec.seed(purpose, *apart)

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """What `make` gives, computed once for all measurements of the job."""
        return self._job.remember(key, make)

    def recall_endpoint(self, key: tuple[Any, ...]) -> Any | None:
        """The evaluation of a curve's end that was stored under this key, or None."""
        return self._job.cache.peek(ENDPOINTS, key)

    def store_endpoint(self, key: tuple[Any, ...], value: Any) -> None:
        """Keep the evaluation of a curve's end for the worker's later jobs."""
        self._job.cache.put(ENDPOINTS, key, value)
