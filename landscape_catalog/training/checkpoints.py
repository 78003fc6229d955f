"""Checkpoints of a run in training, from which it goes on to the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class TrainingState:
    """Everything that the rest of a run's training depends on, besides its specification.

    Attributes:
        values: numbers and texts that JSON can represent.
        tensors: weights, optimiser, snapshots and random state, by name.
    """

    values: dict[str, Any]
    tensors: dict[str, Tensor]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix, without it."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


class Checkpoints(Protocol):
    """Where one run's checkpoints are kept; training itself touches no file."""

    def resume(self) -> TrainingState | None:
        """The last checkpoint, or None to begin at the beginning."""

    def due(self) -> bool:
        """Whether a checkpoint should be saved now; asked after every step."""

    def save(self, state: TrainingState) -> None:
        """Keep a copy of a checkpoint, whose tensors are still in use, in place of the last one."""


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with a prefix before their names."""
    return {prefix + name: value for name, value in tensors.items()}
