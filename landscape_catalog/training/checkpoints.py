"""What training needs to go on after an interruption, and the protocol that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class TrainingState:
    """The complete state of one network's training between two steps.

    Attributes:
        values: JSON values, e.g. the history and the position within the epoch.
        tensors: weights, buffers, state of the optimiser, snapshots, random state.
    """

    values: dict[str, Any]
    tensors: dict[str, Tensor]


class Checkpoints(Protocol):
    """Keeps the state of one network's training; the members of a group share the due time."""

    def resume(self) -> TrainingState | None:
        """The last state that was saved; None: start from the beginning."""

    def due(self) -> bool:
        """Whether it is time to save the state."""

    def save(self, state: TrainingState) -> None:
        """Save the state, replacing the previous one."""
