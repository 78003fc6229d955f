"""How a curve is fitted, and the batches and learning rates of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from landscape_catalog.tasks import Samples, epoch_batches

# The learning rate is constant over the first half of a fit, decays linearly to 1% at 90%, and
# stays there.
DECAY_BEGINS, DECAY_ENDS, FINAL_FACTOR = 0.5, 0.9, 0.01


@dataclass(frozen=True)
class CurveRecipe:
    """How a curve is fitted; the defaults are the paper's, or its code's (momentum, weight decay).

    Attributes:
        control_points: including the two endpoints; 3 for a quadratic curve, 4 for a cubic.
        init: initial inner control points, evenly spaced on the straight line or random weights.
        epochs: length of the fit, unless `updates` is given.
        updates: length of the fit in SGD updates.
        lr: initial learning rate.
        batch_size: samples in a batch.
        momentum: of SGD.
        weight_decay: coefficient of 1/2 ||gamma(t)||^2.
    """

    control_points: int = 3
    init: Literal["linear", "random"] = "linear"
    epochs: int = 50
    updates: int | None = None
    lr: float = 0.01
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4


def rate_factor(progress: float) -> float:
    """Learning rate relative to the initial one when a fraction `progress` of the fit is done.

    >>> [round(rate_factor(epoch / 10), 3) for epoch in range(10)]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.753, 0.505, 0.257, 0.01]
    """
    decayed = min(max((progress - DECAY_BEGINS) / (DECAY_ENDS - DECAY_BEGINS), 0.0), 1.0)
    return 1 - (1 - FINAL_FACTOR) * decayed


def batches_of(data: Samples, recipe: CurveRecipe, seed: int) -> Iterator[tuple[Tensor, float]]:
    """For each step, the batch's row indices and the fraction of the fit that is done."""
    batches = partial(
        epoch_batches, len(data), recipe.batch_size, seed=seed, device=data.inputs.device
    )
    if recipe.updates is None:
        for epoch in range(recipe.epochs):
            for rows in batches(epoch=epoch + 1):
                yield rows, epoch / recipe.epochs
        return
    done = epoch = 0
    while done < recipe.updates:
        epoch += 1
        for rows in batches(epoch=epoch):
            yield rows, done / recipe.updates
            done += 1
            if done == recipe.updates:
                return
