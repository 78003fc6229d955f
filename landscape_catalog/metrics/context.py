"""What a metric is computed from: networks, data, task and seeds, whoever provides them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

    from landscape_catalog.tasks import Samples, Task

Value = TypeVar("Value")


class Context(Protocol):
    """One measurement: of a run, or of the two runs of a pair (`which` 0 and 1)."""

    @property
    def id(self) -> str:
        """Of the measurement."""

    @property
    def settings(self) -> Any:
        """The section that says how; None where there is nothing to say."""

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
        """Loss and error."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of the runs."""

    @property
    def snapshot(self) -> str:
        """Which weights of the runs."""

    @property
    def is_custom(self) -> bool:
        """Whether network or task is a user's own."""

    @property
    def group(self) -> Sequence[Context]:
        """The measurements that are computed side by side with this one, itself among them."""

    @property
    def is_grouped(self) -> bool:
        """Whether it is computed side by side, if need be with a copy of itself."""

    @property
    def function(self) -> Callable[..., Any]:
        """The user's own function of a custom metric."""

    @property
    def trainable_names(self) -> Sequence[str]:
        """The names of the parameters that are trained, in the order of the network."""

    def network(self, which: int = 0, *, fresh: bool = False) -> nn.Module:
        """A network with the weights of a run, in eval mode.

        The measurements of a job share it, so it must be left as it is; a `fresh` one may be
        changed.
        """

    def state(self, which: int = 0) -> dict[str, Tensor]:
        """The weights of a run, by name."""

    def seed(self, purpose: str, *apart: str | int) -> int:
        """A seed of one purpose, the same for every run and pair on the same data.

        `apart` tells it from others of that purpose; zeros are as if they were not there.
        """

    def remember(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """What `make` gives, computed once for all measurements of a job."""

    def recall_endpoint(self, key: tuple[Any, ...]) -> Any | None:
        """The evaluation of a curve's end that was stored under this key, or None."""

    def store_endpoint(self, key: tuple[Any, ...], value: Any) -> None:
        """Keep the evaluation of a curve's end for later jobs of the same executor."""
