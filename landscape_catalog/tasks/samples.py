"""Samples of a dataset on a device: inputs and targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Inputs and targets of the same samples, row by row.

    Images: inputs (n, channels, h, w) on the 0-255 scale, targets (n,) of class indices.
    Translation: inputs (n, source length) of tokens, targets (n, target length) of tokens including
    begin and end. Custom data: whatever the task expects.

    Attributes:
        inputs: (n, ...).
        targets: (n, ...).
        positions: (n,) the position in each sequence at which CKA compares features; None if there
            are none.
    """

    inputs: Tensor
    targets: Tensor
    positions: Tensor | None = None

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs, {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: Tensor | slice) -> Samples:
        positions = None if self.positions is None else self.positions[rows]
        return Samples(self.inputs[rows], self.targets[rows], positions)

    def to(self, device: torch.device | str) -> Samples:
        """The samples on a device."""
        positions = None if self.positions is None else self.positions.to(device)
        return Samples(self.inputs.to(device), self.targets.to(device), positions)


@dataclass(frozen=True)
class Data:
    """The training and the test samples of a landscape."""

    train: Samples
    test: Samples
