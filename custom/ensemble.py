"""Ensemble gain: how much two runs improve on the test data if their outputs are averaged.

A metric of scope `pair`. In `params.yaml`:

    measure:
      custom:
        - {name: ensemble, scope: pair, function: "ensemble:gain"}
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from landscape_catalog import Estimate
from landscape_catalog.tasks import Data, Task


@torch.no_grad()
def gain(
    network: nn.Module, other: nn.Module, data: Data, task: Task, *, seed: int, samples: int = 10000
) -> dict[str, Estimate]:
    """Decrease of the test loss and test error when the outputs of two networks are averaged.

    gain = (L(f) + L(g)) / 2 - L((f + g) / 2), where L is the test loss or the test error and f and
    g are the outputs, for a classifier the logits. The gain in loss is the ambiguity of Krogh and
    Vedelsby 1995, "Neural network ensembles, cross validation, and active learning". If the loss is
    convex in the outputs, it is never negative; it is 0 if both networks have the same outputs.

    Args:
        network: one run of a cell.
        other: another run of the same cell.
        data: provides the test samples.
        task: defines loss and error.
        seed: not used, since nothing is random.
        samples: maximum number of test samples; the first ones are used.

    Returns:
        The gain in `loss` and in `error`, each with its standard error over the units.
    """
    dtype, losses, errors = next(network.parameters()).dtype, [], []
    chosen = data.test[:samples]
    for start in range(0, len(chosen), task.evaluation_batch):
        part = chosen[start : start + task.evaluation_batch]
        f, g = (task.outputs(one, part, dtype) for one in (network, other))
        both = (f + g) / 2
        for found, of in ((losses, task.losses), (errors, task.errors)):
            one, two, mean = (of(outputs, part).double() for outputs in (f, g, both))
            found.append((one + two) / 2 - mean)
    return {
        "loss": estimate(torch.cat(losses), task.loss_unit),
        "error": estimate(torch.cat(errors) * task.error_scale, task.error_unit),
    }


def estimate(gains: Tensor, unit: str) -> Estimate:
    """Mean over units (samples, or tokens of text) with its standard error."""
    n = len(gains)
    error = (gains.std() / math.sqrt(n)).item() if n > 1 else math.nan
    return Estimate(gains.mean().item(), error, "standard error", n, "units", unit)
