"""The interface through which a metric gets its networks, data, task and seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from landscape_catalog.metrics.batch_norm import Statistics

if TYPE_CHECKING:
    from torch import Tensor, nn

    from landscape_catalog.tasks import Samples, Task

Value = TypeVar("Value")


class Context(Protocol):
    """One measurement, of a run or of a pair of runs (`which` = 0 and 1)."""

    @property
    def id(self) -> str:
        """The measurement's id."""

    @property
    def settings(self) -> Any:
        """The metric's settings; None if it has none."""

    @property
    def method(self) -> str:
        """How it is computed, in words."""

    @property
    def train(self) -> Samples:
        """The training samples."""

    @property
    def test(self) -> Samples:
        """The test samples."""

    @property
    def task(self) -> Task:
        """The task, which defines loss and error."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of the runs."""

    @property
    def snapshot(self) -> str:
        """Which of the runs' snapshots is measured."""

    @property
    def statistics(self) -> Statistics | None:
        """Which batch-norm statistics it sees, if not those of the authors' code."""

    @property
    def is_custom(self) -> bool:
        """Whether the network or the task is custom code."""

    @property
    def group(self) -> Sequence[Context]:
        """The measurements that are batched together, including this one."""

    @property
    def is_grouped(self) -> bool:
        """Whether it is computed in a batch; a single one is batched with a copy of itself."""

    @property
    def function(self) -> Callable[..., Any]:
        """The user's function, if this is a custom metric."""

    @property
    def trainable_names(self) -> Sequence[str]:
        """The names of the trainable parameters, in the network's order; no weights are loaded."""

    def network(self, which: int = 0, *, fresh: bool = False) -> nn.Module:
        """The network with the weights of a run, in eval mode, with the statistics to measure.

        All measurements of a job share it and must not modify it; a `fresh` copy may be modified.
        """

    def recomputed(self, batch_size: int) -> nn.Module:
        """The first run's network with batch-norm statistics recomputed with this batch size."""

    def state(self, which: int = 0) -> dict[str, Tensor]:
        """The weights of a run, by name."""

    @property
    def repeat(self) -> int:
        """Index of the repeat, from 0."""

    def seed(self, purpose: str, *labels: str | int, repeat: int | None = None) -> int:
        """A seed for one purpose, the same for all runs and pairs on the same data.

        Different `labels` give different seeds for one purpose; zeros among them are ignored. Each
        repeat has seeds of its own, unless `repeat` names one.
        """

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """The result of `make`, computed once for all measurements of a job."""

    def recall_endpoint(self, key: tuple[Any, ...]) -> Any | None:
        """The evaluation of a curve's endpoint that was stored under this key, or None."""

    def store_endpoint(self, key: tuple[Any, ...], value: Any) -> None:
        """Keep the evaluation of a curve's endpoint for later jobs of this worker."""
