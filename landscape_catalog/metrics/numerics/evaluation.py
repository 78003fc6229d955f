"""Loss and error of a network over a dataset."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.models.float64 import in_float64
from landscape_catalog.tasks import Samples, Task


@torch.no_grad()
def evaluate(network: nn.Module, data: Samples, task: Task) -> Evaluation:
    """Mean loss (1/n) sum l_i over units, and their error, in eval mode.

    Losses are summed in float64. NaN and infinite losses propagate to the result.

    Args:
        network: left in eval mode.
        data: samples on the network's device.
        task: loss and error.
    """
    network.eval()
    dtype = next(network.parameters()).dtype
    losses, errors = [], []
    for start in range(0, len(data), task.evaluation_batch):
        batch = data[start : start + task.evaluation_batch]
        outputs = task.outputs(network, batch, dtype)
        losses.append(task.losses(outputs, batch))
        errors.append(task.errors(outputs, batch))
    return evaluation_of(losses, errors, task)


def evaluation_of(losses: list[Tensor], errors: list[Tensor], task: Task) -> Evaluation:
    """Mean loss and error over the units of all batches, in float64."""
    unit_losses, unit_errors = in_float64(torch.cat(losses)), torch.cat(errors)
    n = len(unit_losses)
    loss, sd = float(unit_losses.mean()), float(unit_losses.std()) if n > 1 else math.nan
    n_wrong = int(unit_errors.sum()) if unit_errors.dtype == torch.bool else None
    error = task.error_scale * float(in_float64(unit_errors).sum()) / len(unit_errors)
    if n_wrong is not None and error == 100 * n_wrong / len(unit_errors):
        return Evaluation(loss, sd, n_wrong, n)
    return Evaluation(loss, sd, n_wrong, n, error)
