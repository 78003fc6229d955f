"""Training a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import nn

from landscape_catalog.tasks import Samples, Task, epoch_batches, seeded
from landscape_catalog.tasks.augmentation import drawn_moves, moved
from landscape_catalog.training.recipe import Recipe, optimizer_of, rate_factor
from landscape_catalog.training.snapshots import Snapshot, Snapshots
from landscape_catalog.training.stopping import StoppingRule

StopReason = Literal["calm", "epochs", "updates", "diverged"]
AUGMENTATION_STREAM = 1  # stream of the epoch's counter-based generator; 0 draws the batches


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


def train(
    network: nn.Module,
    data: Samples,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    snapshots: Collection[str] = ("best_train_loss",),
    test_error: Callable[[nn.Module], float] | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> TrainedRun:
    """Minimise the task's loss + 1/2 wd ||theta||^2 with SGD with momentum or Adam, in place.

    Samples are drawn without replacement and incomplete batches are dropped. The training loss of
    an epoch is its running mean in train mode, including label smoothing. It determines when to
    stop and which weights are best; snapshots are taken at the end of an epoch.

    Args:
        network: trained in place, on the device and in the dtype of its parameters.
        data: training samples on the network's device.
        task: loss and error.
        recipe: batch size, learning rate, optimiser, schedule, stopping.
        seed: of the batch order, augmentation and dropout.
        snapshots: which weights to keep in addition to those of the best training loss.
        test_error: error of a network on test data, for `best_test`.
        on_epoch: called after every epoch.

    Returns:
        The snapshots, one record per epoch, and why training ended: `calm` (the training loss
        reached a plateau), `epochs` or `updates` (all done), `diverged` (the loss became NaN or
        infinite).

    Raises:
        ValueError: if the batch is larger than the data.

    Source: Yang et al. 2021, Eq. 1-2 and appendix B.3.
    """
    rule = StoppingRule(recipe.stop_tolerance, recipe.stop_patience, recipe.stop_not_before)
    steps = _Steps(network, data, task, recipe, seed)
    kept = Snapshots(network, snapshots, test_error)
    history: list[EpochRecord] = []
    stop_reason: StopReason = "updates" if recipe.stopping == "updates" else "epochs"
    with seeded(seed, data.inputs.device):
        while steps.done < steps.total:
            epoch = len(history) + 1
            train_loss, train_error = steps.epoch(epoch)
            plateau = rule.update(train_loss)
            finite = math.isfinite(train_loss)
            tested = kept.update(epoch, train_loss, plateau=plateau) if finite else None
            history.append(EpochRecord(epoch, train_loss, train_error, tested))
            if on_epoch is not None:
                on_epoch(history[-1])
            if not finite:
                stop_reason = "diverged"
                break
            if plateau and recipe.stopping == "rule":
                stop_reason = "calm"
                break
    return TrainedRun(kept.finish(len(history)), history, stop_reason)


class _Steps:
    """Gradient steps, one epoch at a time."""

    def __init__(
        self, network: nn.Module, data: Samples, task: Task, recipe: Recipe, seed: int
    ) -> None:
        self.network, self.data, self.task = network, data, task
        self.recipe, self.seed = recipe, seed
        self.optimizer = optimizer_of(network, recipe)
        self.total = recipe.total_updates(len(data))
        self.done = 0
        self.dtype = next(network.parameters()).dtype

    def epoch(self, epoch: int) -> tuple[float, float]:
        """Train for one epoch, or for the remaining updates; return the mean loss and error."""
        self.network.train()
        device = self.data.inputs.device
        loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        error_sum = torch.zeros((), dtype=torch.float64, device=device)
        steps = units = 0
        moves = self._moves(epoch) if self.recipe.augment else None
        batches = epoch_batches(
            len(self.data), self.recipe.batch_size, seed=self.seed, epoch=epoch, device=device
        )
        for rows in islice(batches, self.total - self.done):
            batch = self.data[rows]
            if moves is not None:
                batch = moved(batch, moves[steps])
            outputs, loss = self._step(batch)
            with torch.no_grad():
                loss_sum += loss
                errors = self.task.errors(outputs, batch)
                error_sum += errors.sum()
            units += len(errors)
            steps += 1
        return float(loss_sum) / steps, self.task.error_scale * float(error_sum) / units

    def _moves(self, epoch: int) -> torch.Tensor:
        """Shifts and flips for all batches of an epoch, copied to the device at once."""
        generator = np.random.Generator(
            np.random.Philox(key=self.seed, counter=[0, 0, AUGMENTATION_STREAM, epoch])
        )
        n, images = self.recipe.batch_size, self.data.inputs
        height, width = images.shape[2:]
        return drawn_moves((height, width), len(images) // n, n, generator).to(images.device)

    def _step(self, batch: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        recipe = self.recipe
        rate = recipe.lr * rate_factor(recipe, self.done, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs = self.task.outputs(self.network, batch, self.dtype)
        loss = self.task.loss(outputs, batch, label_smoothing=recipe.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimizer.step()
        self.done += 1
        return outputs, loss
