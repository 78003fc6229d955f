"""Snapshots: the weights of a run that are kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from landscape_catalog.training.checkpoints import TrainingState, prefixed

State = dict[str, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """Weights of a run at the end of an epoch (0: the initial weights)."""

    state: State
    epoch: int


class Snapshots:
    """Keeps the requested snapshots during training.

    `best_train_loss`: lowest running mean of the training loss. `early_stopped`: first epoch at
    which the stopping rule detects a plateau, otherwise the best training loss (the authors' code).
    `last`: last epoch. `best_test`: lowest test error, the first one if there are ties (optimal
    early stopping).

    Args:
        network: its weights are kept.
        requested: names of snapshots; `best_train_loss` is always kept.
        test_error: error of the network on test data; only needed for `best_test`.

    Raises:
        ValueError: if `best_test` is requested without `test_error`.
    """

    def __init__(
        self,
        network: nn.Module,
        requested: Collection[str],
        test_error: Callable[[nn.Module], float] | None,
    ) -> None:
        if "best_test" in requested and test_error is None:
            raise ValueError("`best_test` needs test data")
        self.network = network
        self.requested = set(requested) | {"best_train_loss"}
        self.test_error = test_error
        self.kept = {"best_train_loss": self._now(0)}
        self._best_loss = self._best_test = math.inf

    def update(self, epoch: int, train_loss: float, *, plateau: bool) -> float | None:
        """Update the snapshots at the end of an epoch; return the test error if it was computed."""
        if train_loss < self._best_loss:
            self._best_loss = train_loss
            self.kept["best_train_loss"] = self._now(epoch)
        if plateau and "early_stopped" in self.requested and "early_stopped" not in self.kept:
            self.kept["early_stopped"] = self._now(epoch)
        if "best_test" not in self.requested or self.test_error is None:
            return None
        error = self.test_error(self.network)
        if error < self._best_test:
            self._best_test = error
            self.kept["best_test"] = self._now(epoch)
        return error

    def finish(self, epoch: int) -> dict[str, Snapshot]:
        """All requested snapshots, at the end of training."""
        best = self.kept["best_train_loss"]
        for name in ("early_stopped", "best_test"):
            if name in self.requested:
                self.kept.setdefault(name, best)
        if "last" in self.requested:
            self.kept["last"] = self._now(epoch)
        return self.kept

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Values and tensors of a checkpoint."""
        values = {
            "epochs": {name: snapshot.epoch for name, snapshot in self.kept.items()},
            "best": [self._best_loss, self._best_test],
        }
        tensors: dict[str, Tensor] = {}
        for name, snapshot in self.kept.items():
            tensors |= prefixed(f"snapshot/{name}/", snapshot.state)
        return values, tensors

    def load(self, values: Mapping[str, Any], state: TrainingState) -> None:
        """Restore what `state` returned."""
        self._best_loss, self._best_test = map(float, values["best"])
        self.kept = {
            name: Snapshot(state.part(f"snapshot/{name}/"), epoch)
            for name, epoch in values["epochs"].items()
        }

    def _now(self, epoch: int) -> Snapshot:
        state = {name: value.detach() for name, value in self.network.state_dict().items()}
        return Snapshot(copy.deepcopy(state), epoch)
