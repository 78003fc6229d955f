"""Training hyperparameters, learning-rate schedules and optimisers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from landscape_catalog.training.precision import Precision


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training run; the defaults are the paper's values for images.

    They equal the defaults of the sections `train` and `temperature` (a test compares them). Those
    sections do not import them, so that only the stage `train` depends on the code of training.
    """

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
    precision: Precision = "float32"
    stopping: Literal["rule", "epochs", "updates"] = "rule"
    epochs: int = 150
    updates: int = 80_000
    stop_tolerance: float = 1e-4
    stop_patience: int = 5
    stop_not_before: int = 0

    def total_updates(self, n_samples: int) -> int:
        """Maximum number of updates on `n_samples` samples, with incomplete batches dropped.

        Raises:
            ValueError: if the batch is larger than the data.
        """
        if self.batch_size > n_samples:
            raise ValueError(f"a batch of {self.batch_size} exceeds the {n_samples} samples")
        if self.stopping == "updates":
            return self.updates
        return self.epochs * (n_samples // self.batch_size)


def rate_factor(recipe: Recipe, update: int, total: int) -> float:
    """Factor on the learning rate at update s = 0, ..., total - 1.

    Warm-up of w updates: min(1, (s + 1) / w). `step`: factor^(number of milestones reached), where
    a milestone m is reached at update m total. `inverse_sqrt`: sqrt(w / (s + 1)) after the warm-up,
    so that the full rate is reached at its end (Vaswani et al. 2017); w = 1 without warm-up.

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
        # Rounded, because 0.55 * 100 is 55.00000000000001 in floating point.
        reached = sum(update >= round(share * total, 6) for share in recipe.milestones)
        return recipe.factor**reached
    if recipe.schedule == "inverse_sqrt":
        return float((max(recipe.warmup, 1) / step) ** 0.5)
    return 1.0


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam; both with weight decay as an L2 penalty in the gradient.

    The gradient of 1/2 wd ||theta||^2 is added before momentum or moment estimates (not decoupled),
    so wd is twice the lambda of lambda ||theta||^2 in Yang et al. 2021, Eq. 1.
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
