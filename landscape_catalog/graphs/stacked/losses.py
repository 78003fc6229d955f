"""Losses of networks side by side, in one call of the task."""

from __future__ import annotations

import torch
from torch import Tensor

from landscape_catalog.tasks import Samples, Task


def stacked_losses(
    task: Task, outputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses and errors of T networks on B samples each, and the gradient of their mean losses.

    Args:
        task: with one loss for each sample.
        outputs: (T, outputs, B).
        targets: (T * B, ...), network by network.
        label_smoothing: share of the target that is spread over all classes.

    Returns:
        Losses, (T, B), errors, (T, B), and the gradient of each network's mean loss with respect to
        its outputs, (T, outputs, B).

    Raises:
        ValueError: if the task does not give one loss for each sample.
    """
    count, _, batch_size = outputs.shape
    rows = outputs.detach().transpose(1, 2).flatten(0, 1).requires_grad_()
    batch = Samples(rows, targets)
    losses = task.losses(rows, batch, label_smoothing=label_smoothing)
    if losses.shape != (len(rows),):
        raise ValueError("networks side by side need a task with one loss for each sample")
    (gradient,) = torch.autograd.grad(losses, rows, torch.full_like(losses, 1 / batch_size))
    with torch.no_grad():
        errors = task.errors(rows, batch)
    return (
        losses.detach().view(count, batch_size),
        errors.view(count, batch_size),
        gradient.view(count, batch_size, -1).transpose(1, 2),
    )
