"""The networks of several checkpoints on one landscape, as metrics ask for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn

from landscape_catalog.diagnosis.data import DiagnosedData
from landscape_catalog.diagnosis.method import first_probe
from landscape_catalog.metrics.batch_norm import Statistics, statistics_in_effect
from landscape_catalog.metrics.metric import Metric
from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.tasks import Samples

Value = TypeVar("Value")
CURVES = "connectivity"  # the metric that may be computed side by side


class DiagnosedLandscape:
    """What all measurements of a diagnosis share.

    Args:
        build: a fresh network from a seed, on the device.
        states: the weights of each checkpoint, on the device, under the network's names.
        data: on the device.
        method: the section `measure`.

    Attributes:
        remembered: values that several measurements use.
        made: is told the key of each of them, the value, and the seconds that it took.
        together: pairs whose curves are fitted side by side; at least two, or none.
    """

    def __init__(
        self,
        build: Callable[[int], nn.Module],
        states: Sequence[Mapping[str, Tensor]],
        data: DiagnosedData,
        method: Any,
    ) -> None:
        self.build, self.states, self.data, self.method = build, states, data, method
        self.remembered: dict[tuple[Any, ...], Any] = {}
        self.made: Callable[[tuple[Any, ...], Any, float], None] | None = None
        self.together: list[tuple[int, int]] = []

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """The value that `make` returns, computed once."""
        if key not in self.remembered:
            start = time.monotonic()
            self.remembered[key] = make()
            if self.made is not None:
                self.made(key, self.remembered[key], time.monotonic() - start)
        found: Value = self.remembered[key]
        return found

    def network(self, index: int, *, fresh: bool = False) -> nn.Module:
        """The network of a checkpoint, in eval mode, with the statistics of the file."""

        def make() -> nn.Module:
            network = self.build(0)
            network.load_state_dict(self.states[index])
            return network.eval()

        return make() if fresh else self.remember(("network", index), make)

    def recomputed(self, index: int, batch_size: int, *, fresh: bool = False) -> nn.Module:
        """The same with batch-norm statistics recomputed on the training data."""

        def make() -> nn.Module:
            network, data = self.network(index, fresh=True), self.data
            seed = derive_seed("diagnosis", "batch norm", 0)
            recompute_batchnorm(network, data.train, data.task, batch_size=batch_size, seed=seed)
            return network

        return make() if fresh else self.remember(("recomputed", index, batch_size), make)

    def measured(self, name: str, *members: int) -> Any:
        """The result of a metric, by its name, on a checkpoint or on two of them."""
        return METRICS[name].compute(DiagnosisContext(self, METRICS[name], members))


class DiagnosisContext:
    """The context of one measurement; implements the protocol `metrics.context.Context`."""

    def __init__(
        self, landscape: DiagnosedLandscape, metric: Metric, members: tuple[int, ...]
    ) -> None:
        self._landscape, self._metric, self._members = landscape, metric, members

    @property
    def id(self) -> str:
        """Names the measurement among those of the diagnosis."""
        return " ".join([self._metric.name, *map(str, self._members)])

    @property
    def settings(self) -> Any:
        """Settings of the metric."""
        return first_probe(self._landscape.method, self._metric.section)

    @property
    def method(self) -> str:
        """How the metric is computed, in words."""
        return self._metric.method(self.settings)

    @property
    def train(self) -> Samples:
        """The training samples."""
        return self._landscape.data.train

    @property
    def test(self) -> Samples:
        """The test samples; the training samples if there are none."""
        data = self._landscape.data
        return data.train if data.test is None else data.test

    @property
    def task(self) -> Any:
        """Classification with the user's preprocessing."""
        return self._landscape.data.task

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The checkpoints, by number."""
        return tuple(map(str, self._members))

    @property
    def snapshot(self) -> str:
        """A checkpoint is what the user has kept."""
        return "last"

    @property
    def statistics(self) -> Statistics | None:
        """Which batch-norm statistics it sees, if not those of the authors' code."""
        method = self._landscape.method
        return statistics_in_effect(
            method.batch_norm,
            self._metric.authors_statistics_of(self.settings),
            first_probe(method, "connectivity").batch_size,
        )

    @property
    def is_custom(self) -> bool:
        """Networks are the user's own."""
        return True

    @property
    def group(self) -> Sequence[DiagnosisContext]:
        """The measurements that are computed side by side with it, itself included."""
        if not self.is_grouped:
            return [self]
        pairs = self._landscape.together
        return [DiagnosisContext(self._landscape, self._metric, pair) for pair in pairs]

    @property
    def is_grouped(self) -> bool:
        """Whether its curve is fitted side by side with those of other pairs."""
        return self._metric.name == CURVES and self._members in self._landscape.together

    @property
    def function(self) -> Callable[..., Any]:
        """No custom metric is measured."""
        raise NotImplementedError

    @property
    def trainable_names(self) -> Sequence[str]:
        """Names of the trainable parameters."""
        parameters = self._landscape.network(0).named_parameters()
        return [name for name, parameter in parameters if parameter.requires_grad]

    def network(self, which: int = 0, *, fresh: bool = False) -> nn.Module:
        """A checkpoint's network, with the statistics that the method asks for."""
        statistics, index = self.statistics, self._members[which]
        if statistics is None or statistics.batch_size is None:
            return self._landscape.network(index, fresh=fresh)
        return self._landscape.recomputed(index, statistics.batch_size, fresh=fresh)

    def recomputed(self, batch_size: int) -> nn.Module:
        """The first network with recomputed statistics."""
        return self._landscape.recomputed(self._members[0], batch_size)

    def state(self, which: int = 0) -> dict[str, Tensor]:
        """The state dict of a checkpoint."""
        return dict(self._landscape.states[self._members[which]])

    @property
    def repeat(self) -> int:
        """There are no repeats."""
        return 0

    def seed(self, purpose: str, *labels: str | int, repeat: int | None = None) -> int:
        """A seed for one purpose, the same for all checkpoints."""
        return derive_seed("diagnosis", purpose, *filter(None, labels))

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """The value that `make` returns, computed once."""
        return self._landscape.remember(key, make)

    def recall_endpoint(self, key: tuple[Any, ...]) -> Any | None:
        """Endpoints are not kept."""
        return None

    def store_endpoint(self, key: tuple[Any, ...], value: Any) -> None:
        """Endpoints are not kept."""
