"""The course of a run: its history, its snapshots and when it ends, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor, nn

from landscape_catalog.training.checkpoints import TrainingState
from landscape_catalog.training.recipe import Recipe
from landscape_catalog.training.snapshots import Snapshot, Snapshots
from landscape_catalog.training.stopping import StoppingRule

StopReason = Literal["calm", "epochs", "updates", "diverged"]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: running means over its batches in train mode, and the test error if tracked."""

    epoch: int
    train_loss: float
    train_error: float
    test_error: float | None = None


@dataclass(frozen=True)
class TrainedRun:
    """The result of training: the requested snapshots, the history, and why training ended."""

    snapshots: dict[str, Snapshot]
    history: list[EpochRecord]
    stop_reason: StopReason


class Course:
    """What training does at the end of each epoch, whether a run is computed alone or in a group.

    Args:
        network: holds the run's weights whenever an epoch ends.
        recipe: when training ends.
        snapshots: which weights to keep in addition to those of the best training loss.
        test_error: error of a network on test data, for `best_test`.
        on_epoch: called after every epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        snapshots: Collection[str],
        test_error: Callable[[nn.Module], float] | None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> None:
        self.recipe, self.on_epoch = recipe, on_epoch
        self.rule = StoppingRule(
            recipe.stop_tolerance, recipe.stop_patience, recipe.stop_not_before
        )
        self.snapshots = Snapshots(network, snapshots, test_error)
        self.history: list[EpochRecord] = []
        self.stop_reason: StopReason = "updates" if recipe.stopping == "updates" else "epochs"

    def end_epoch(self, train_loss: float, train_error: float) -> bool:
        """Record an epoch; True if training goes on."""
        epoch = len(self.history) + 1
        plateau = self.rule.update(train_loss)
        finite = math.isfinite(train_loss)
        tested = self.snapshots.update(epoch, train_loss, plateau=plateau) if finite else None
        self.history.append(EpochRecord(epoch, train_loss, train_error, tested))
        if self.on_epoch is not None:
            self.on_epoch(self.history[-1])
        if not finite:
            self.stop_reason = "diverged"
        elif plateau and self.recipe.stopping == "rule":
            self.stop_reason = "calm"
        return self.stop_reason in ("epochs", "updates")

    def finish(self) -> TrainedRun:
        """The result, at the end of training."""
        snapshots = self.snapshots.finish(len(self.history))
        return TrainedRun(snapshots, self.history, self.stop_reason)

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Values and tensors of a checkpoint."""
        values, tensors = self.snapshots.state()
        history = [list(asdict(epoch).values()) for epoch in self.history]
        return {"snapshots": values, "rule": self.rule.state(), "history": history}, tensors

    def load(self, state: TrainingState) -> None:
        """Restore what `state` returned."""
        self.snapshots.load(state.values["snapshots"], state)
        self.rule.load(state.values["rule"])
        self.history = [EpochRecord(*epoch) for epoch in state.values["history"]]
