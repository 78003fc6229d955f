"""Loss and error of a network over a dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape_catalog.tasks import Classification

EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Evaluation:
    """Loss and error over `n` samples: the mean loss, its spread over samples, and a count."""

    loss: float
    loss_sd: float
    n_wrong: int
    n: int

    @property
    def error(self) -> float:
        """0-1 error in percent."""
        return 100 * self.n_wrong / self.n

    @property
    def accuracy(self) -> float:
        """Share of samples classified correctly, in percent."""
        return 100 - self.error


@torch.no_grad()
def evaluate(
    network: nn.Module, images: Tensor, labels: Tensor, task: Classification
) -> Evaluation:
    """Mean loss (1/n) sum l(f(x_i), y_i) and number of errors, in eval mode.

    Losses are summed in float64. A NaN or infinite loss stays what it is in the result.

    Args:
        network: evaluated in eval mode, which it is left in.
        images: (n, channels, h, w) on the 0-255 scale.
        labels: (n,) of int64.
        task: normalisation, loss and error.
    """
    network.eval()
    dtype = next(network.parameters()).dtype
    losses, wrong = [], 0
    for start in range(0, len(images), EVALUATION_BATCH):
        rows = slice(start, start + EVALUATION_BATCH)
        logits = network(task.inputs(images[rows], dtype))
        losses.append(task.losses(logits, labels[rows]).to(torch.float64))
        wrong += int(task.errors(logits, labels[rows]).sum())
    every = torch.cat(losses)
    spread = float(every.std()) if len(every) > 1 else math.nan
    return Evaluation(float(every.mean()), spread, wrong, len(every))
