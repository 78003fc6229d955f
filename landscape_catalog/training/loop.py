"""Training one network by SGD with momentum."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from landscape_catalog.tasks import Classification, epoch_batches
from landscape_catalog.training.stopping import StoppingRule

StopReason = Literal["calm", "epochs", "diverged"]


@dataclass(frozen=True)
class Recipe:
    """What `train` needs to know besides the network and the data (the paper's values)."""

    batch_size: int = 128
    lr: float = 0.05
    weight_decay: float = 5e-4
    momentum: float = 0.9
    epochs: int = 150
    stop_tolerance: float = 1e-4
    stop_patience: int = 5


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: running means over its batches, in train mode."""

    epoch: int
    train_loss: float
    train_error: float


@dataclass(frozen=True)
class TrainedRun:
    """What training leaves: the best weights by training loss, the history, and why it ended."""

    state: dict[str, Tensor]
    history: list[EpochRecord]
    best_epoch: int
    stop_reason: StopReason


def train(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    task: Classification,
    recipe: Recipe,
    *,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> TrainedRun:
    """Minimise cross-entropy + 1/2 wd ||theta||^2 by SGD with momentum, in place.

    Samples are visited without replacement, incomplete batches dropped. The training loss of an
    epoch is the running mean over it in train mode; it decides about stopping and about the best
    weights, which are those at the end of the epoch with the lowest loss.

    Args:
        network: trained in place, on the device and in the dtype of its parameters.
        images: (n, channels, h, w) on the 0-255 scale, on the network's device.
        labels: (n,) of int64.
        task: normalisation, loss and error.
        recipe: batch size, rates, epochs, stopping.
        seed: of the batch order.
        on_epoch: called after every epoch.

    Returns:
        The best state dict, one record an epoch, the best epoch, and `calm` (stopping rule),
        `epochs` (all done) or `diverged` (the loss became NaN or infinite).

    Raises:
        ValueError: if the batch is larger than the data.

    Source: Yang et al. 2021, Eq. 1-2 and appendix B.3.
    """
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    rule = StoppingRule(recipe.stop_tolerance, recipe.stop_patience)
    history: list[EpochRecord] = []
    best_state, best_epoch, best_loss = _snapshot(network), 0, math.inf
    stop_reason: StopReason = "epochs"
    for epoch in range(1, recipe.epochs + 1):
        record = _epoch(network, images, labels, task, optimizer, recipe.batch_size, seed, epoch)
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
        if not math.isfinite(record.train_loss):
            stop_reason = "diverged"
            break
        if record.train_loss < best_loss:
            best_state, best_epoch, best_loss = _snapshot(network), epoch, record.train_loss
        if rule.update(record.train_loss):
            stop_reason = "calm"
            break
    return TrainedRun(best_state, history, best_epoch, stop_reason)


def _epoch(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    task: Classification,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    seed: int,
    epoch: int,
) -> EpochRecord:
    network.train()
    dtype = next(network.parameters()).dtype
    loss_sum = torch.zeros((), dtype=torch.float64, device=images.device)
    wrong = torch.zeros((), dtype=torch.int64, device=images.device)
    steps = 0
    for batch in epoch_batches(len(images), batch_size, seed=seed, epoch=epoch):
        targets = labels[batch]
        logits = network(task.inputs(images[batch], dtype))
        loss = task.loss(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            loss_sum += loss
            wrong += task.errors(logits, targets).sum()
        steps += 1
    return EpochRecord(
        epoch,
        train_loss=float(loss_sum) / steps,
        train_error=100 * int(wrong) / (steps * batch_size),
    )


def _snapshot(network: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy({name: value.detach() for name, value in network.state_dict().items()})
