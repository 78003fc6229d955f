"""What training needs to know besides the network and the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Recipe:
    """How one network is trained (the paper's values for images)."""

    batch_size: int = 128
    lr: float = 0.05
    weight_decay: float = 5e-4
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-8
    schedule: Literal["constant", "step", "inverse_sqrt"] = "constant"
    milestones: tuple[float, ...] = (0.75,)
    factor: float = 0.1
    warmup: int = 0
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    augment: bool = False
    stopping: Literal["rule", "epochs", "updates"] = "rule"
    epochs: int = 150
    updates: int = 80_000
    stop_tolerance: float = 1e-4
    stop_patience: int = 5
    stop_not_before: int = 0

    def total_updates(self, n_samples: int) -> int:
        """Most updates that training takes on so many samples, incomplete batches dropped.

        Raises:
            ValueError: if not even one batch is complete.
        """
        if self.batch_size > n_samples:
            raise ValueError(f"a batch of {self.batch_size} is more than the {n_samples} samples")
        if self.stopping == "updates":
            return self.updates
        return self.epochs * (n_samples // self.batch_size)


def rate_factor(recipe: Recipe, update: int, total: int) -> float:
    """Share of the learning rate at an update counted from 0, of `total`.

    Warm-up w: min(1, (s + 1) / w). `step`: factor^(milestones reached), a milestone m at update
    m total. `inverse_sqrt`: sqrt(w / (s + 1)) after the warm-up, so that the rate is reached at its
    end (Vaswani et al. 2017); w = 1 where there is none.

    >>> decay = Recipe(schedule="step", milestones=(0.5,), factor=0.1)
    >>> [rate_factor(decay, update, 4) for update in range(4)]
    [1.0, 1.0, 0.1, 0.1]
    >>> [rate_factor(Recipe(schedule="inverse_sqrt", warmup=4), s, 100) for s in (0, 3, 15)]
    [0.25, 1.0, 0.5]
    """
    step = update + 1
    if step < recipe.warmup:
        return step / recipe.warmup
    if recipe.schedule == "step":
        # 0.55 of 100 is 55.00000000000001 in floats, and means 55.
        reached = sum(update >= round(share * total, 6) for share in recipe.milestones)
        return recipe.factor**reached
    if recipe.schedule == "inverse_sqrt":
        return float((max(recipe.warmup, 1) / step) ** 0.5)
    return 1.0


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam; weight decay is L2, in the gradient, for both.

    The gradient of 1/2 wd ||theta||^2 is added before momentum or moments (not decoupled), so wd is
    twice the lambda of lambda ||theta||^2 in Yang et al. 2021, Eq. 1.
    """
    if recipe.optimizer == "adam":
        return torch.optim.Adam(
            network.parameters(),
            lr=recipe.lr,
            betas=(recipe.beta1, recipe.beta2),
            eps=recipe.epsilon,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
