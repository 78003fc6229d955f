"""Sharpness of a minimum: increase of the training loss under random perturbations.

A metric of scope `run`. In `params.yaml`:

    measure:
      custom:
        - {name: sharpness, scope: run, function: "sharpness:loss_increase", args: {epsilon: 0.1}}
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from landscape_catalog import Estimate
from landscape_catalog.tasks import Data, Samples, Task


def loss_increase(
    network: nn.Module,
    data: Data,
    task: Task,
    *,
    seed: int,
    epsilon: float = 0.1,
    draws: int = 10,
    samples: int = 1000,
) -> dict[str, Estimate]:
    """Mean and largest increase of the training loss under perturbations of relative size epsilon.

    increase = E_d [L(theta + d)] - L(theta), where filter i of layer l is perturbed by

        d_li = epsilon |theta_li| g_li / |g_li|,    g_li ~ N(0, I).

    A filter is the part of a weight that computes one output channel or unit, i.e. one row. Its
    perturbation scales with it, so networks that differ only by such a rescaling, and compute the
    same function, are equally sharp. Biases, batch-norm parameters and running statistics are not
    perturbed.

    The filter-wise normalisation is that of Li et al. 2018, "Visualizing the loss landscape of
    neural nets". `largest` is a lower bound, found by sampling, on the maximum over a neighbourhood
    that Keskar et al. 2017, "On large-batch training for deep learning", call sharpness.

    Args:
        network: has the weights theta.
        data: provides the training samples.
        task: defines the loss L.
        seed: of the directions.
        epsilon: norm of a filter's perturbation, relative to the norm of the filter.
        draws: number of directions.
        samples: maximum number of training samples; the first ones are used.

    Returns:
        The mean `increase`, with its standard error over the directions, and the `largest`.
    """
    chosen = data.train[:samples]
    weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    minimum = [weight.detach().clone() for weight in weights]
    generator = torch.Generator().manual_seed(seed)
    before = mean_loss(network, chosen, task)
    increases = []
    for _ in range(draws):
        with torch.no_grad():
            for weight, centre in zip(weights, minimum):
                weight.copy_(centre + epsilon * filter_direction(centre, generator))
        increases.append(mean_loss(network, chosen, task) - before)
    unit, rises = task.loss_unit, torch.tensor(increases, dtype=torch.float64)
    error = (rises.std() / math.sqrt(draws)).item() if draws > 1 else math.nan
    return {
        "increase": Estimate(
            rises.mean().item(), error, "standard error", draws, "directions", unit
        ),
        "largest": Estimate(rises.max().item(), n=draws, n_unit="directions", unit=unit),
    }


def filter_direction(weight: Tensor, generator: torch.Generator) -> Tensor:
    """A random direction (filters, ...) whose rows have the same norms as those of the weight.

    >>> weight = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    >>> filter_direction(weight, torch.Generator().manual_seed(0)).norm(dim=1)
    tensor([5., 0.])
    """
    normal = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    rows = normal.to(weight.device).flatten(1)
    lengths = weight.flatten(1).norm(dim=1, keepdim=True)
    return (rows / rows.norm(dim=1, keepdim=True) * lengths).view_as(weight)


@torch.no_grad()
def mean_loss(network: nn.Module, samples: Samples, task: Task) -> float:
    """The mean loss over all units of the samples, summed in float64."""
    dtype, total, units = next(network.parameters()).dtype, 0.0, 0
    for start in range(0, len(samples), task.evaluation_batch):
        part = samples[start : start + task.evaluation_batch]
        losses = task.losses(task.outputs(network, part, dtype), part)
        total += losses.double().sum().item()
        units += len(losses)
    return total / units
