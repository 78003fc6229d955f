"""Loss and error of a network over a dataset."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.tasks import Samples, Task


@torch.no_grad()
def evaluate(network: nn.Module, data: Samples, task: Task) -> Evaluation:
    """Mean loss (1/n) sum l_i over units and their error, in eval mode.

    Losses are summed in float64. A NaN or infinite loss stays what it is in the result.

    Args:
        network: evaluated in eval mode, which it is left in.
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
    """Means and counts of the losses and errors of all batches, in float64."""
    every, wrong = torch.cat(losses).to(torch.float64), torch.cat(errors)
    spread = float(every.std()) if len(every) > 1 else math.nan
    n_wrong = int(wrong.sum()) if wrong.dtype == torch.bool else None
    error = task.error_scale * float(wrong.to(torch.float64).sum()) / len(wrong)
    if n_wrong is not None and error == 100 * n_wrong / len(wrong):
        return Evaluation(float(every.mean()), spread, n_wrong, len(every))
    return Evaluation(float(every.mean()), spread, n_wrong, len(every), error)
