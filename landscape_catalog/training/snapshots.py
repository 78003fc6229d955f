"""Which weights of a run are kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from torch import Tensor, nn

State = dict[str, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """Weights of a run at the end of an epoch (0: the initial ones)."""

    state: State
    epoch: int


class Snapshots:
    """Keeps the weights that are asked for, epoch by epoch.

    `best_train_loss`: lowest running mean of the training loss. `early_stopped`: the first epoch at
    which the stopping rule is calm, else the best training loss (the authors' code). `last`: the
    last epoch. `best_test`: lowest test error, the earliest of equals (optimal early stopping).

    Args:
        network: whose weights are kept.
        wanted: names of snapshots; `best_train_loss` is always kept.
        test_error: error of the network on test data; needed for `best_test` alone.

    Raises:
        ValueError: if `best_test` is wanted and `test_error` is missing.
    """

    def __init__(
        self,
        network: nn.Module,
        wanted: Collection[str],
        test_error: Callable[[nn.Module], float] | None,
    ) -> None:
        if "best_test" in wanted and test_error is None:
            raise ValueError("`best_test` needs test data")
        self.network = network
        self.wanted = set(wanted) | {"best_train_loss"}
        self.test_error = test_error
        self.kept = {"best_train_loss": self._now(0)}
        self._best_loss = self._best_test = math.inf

    def update(self, epoch: int, train_loss: float, *, calm: bool) -> float | None:
        """Take the weights at the end of an epoch; returns the test error where it is needed."""
        if train_loss < self._best_loss:
            self._best_loss = train_loss
            self.kept["best_train_loss"] = self._now(epoch)
        if calm and "early_stopped" in self.wanted and "early_stopped" not in self.kept:
            self.kept["early_stopped"] = self._now(epoch)
        if "best_test" not in self.wanted or self.test_error is None:
            return None
        error = self.test_error(self.network)
        if error < self._best_test:
            self._best_test = error
            self.kept["best_test"] = self._now(epoch)
        return error

    def finish(self, epoch: int) -> dict[str, Snapshot]:
        """Every snapshot that is wanted."""
        best = self.kept["best_train_loss"]
        for name in ("early_stopped", "best_test"):
            if name in self.wanted:
                self.kept.setdefault(name, best)
        if "last" in self.wanted:
            self.kept["last"] = self._now(epoch)
        return self.kept

    def _now(self, epoch: int) -> Snapshot:
        state = {name: value.detach() for name, value in self.network.state_dict().items()}
        return Snapshot(copy.deepcopy(state), epoch)
