"""How runs are trained: the temperature-like parameters and the recipe."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, Strict

from landscape_catalog.schema.fields import (
    Axis,
    BatchSize,
    Constant,
    Fraction,
    Later,
    Name,
    NonNegativeFloat,
    Outside,
    PositiveFloat,
    PositiveInt,
    ProperFraction,
    Section,
    When,
)

Snapshot = Literal["best_train_loss", "early_stopped", "last", "best_test"]
SNAPSHOTS: tuple[Snapshot, ...] = get_args(Snapshot)
REFERENCE_BATCH = 128  # of the linear scaling rule: Yang et al. 2021, appendix D.7.2


class Temperature(Section):
    """Temperature-like parameters: how noisy training is. A list is an axis of the grid."""

    batch_size: Axis[BatchSize] = 128
    """Samples a step, at least two (batch norm). A smaller batch is a higher temperature."""
    lr: Axis[PositiveFloat] = 0.05
    """Learning rate: the initial one, or the peak one after a warm-up."""
    weight_decay: Axis[NonNegativeFloat] = 5e-4
    """The optimiser's weight decay (L2, in the gradient), which is twice the lambda of the paper's
    Eq. 1: wd theta is the gradient of 1/2 wd ||theta||^2 = lambda ||theta||^2."""
    extra: dict[Name, Axis[Constant]] = {}
    """Parameters of your own, by name: each goes to the model or task function that has a parameter
    of that name (a dropout rate)."""


class Train(Section):
    """How a run is trained: no replacement, incomplete batches dropped."""

    optimizer: Annotated[Literal["sgd", "adam"], Later("sgd")] = "sgd"
    """`sgd` (with momentum) or `adam`."""
    epochs: Annotated[PositiveInt, When("stopping", ("rule", "epochs"))] = 150
    """Most epochs that a run takes."""
    seeds: Annotated[PositiveInt, Outside()] = 5
    """Runs a cell, with seeds 0, 1, 2, ... A count, so it is no part of any run's identity."""
    momentum: Annotated[Fraction, When("optimizer", ("sgd",))] = 0.9
    """Momentum of SGD (the authors' code)."""
    beta1: Annotated[ProperFraction, When("optimizer", ("adam",))] = 0.9
    """Adam: decay of the mean of gradients."""
    beta2: Annotated[ProperFraction, When("optimizer", ("adam",))] = 0.98
    """Adam: decay of the mean of their squares (Vaswani et al. 2017)."""
    epsilon: Annotated[PositiveFloat, When("optimizer", ("adam",))] = 1e-8
    """Adam: what is added to the root."""
    schedule: Annotated[Literal["constant", "step", "inverse_sqrt"], Later("constant")] = "constant"
    """Learning rate over time: `constant`, `step` (times `factor` at each milestone), or
    `inverse_sqrt` (linear warm-up, then falling as the inverse square root of the updates)."""
    milestones: Annotated[
        tuple[Fraction, ...], Strict(False), Field(min_length=1), When("schedule", ("step",))
    ] = (0.75,)
    """`step`: when the rate falls, as shares of the training."""
    factor: Annotated[PositiveFloat, When("schedule", ("step",))] = 0.1
    """`step`: what the rate is multiplied by at each milestone."""
    warmup: Annotated[int, Field(ge=0), Later(0)] = 0
    """Updates of linear warm-up to the rate, under any schedule; 0: none."""
    linear_scaling: Annotated[bool, Outside()] = False
    """Whether the rate is temperature.lr times batch_size / 128."""
    label_smoothing: Annotated[ProperFraction, Later(0.0)] = 0.0
    """Share of the training target that is spread over all classes; never part of a metric."""
    clip_norm: Annotated[PositiveFloat | None, Later(None)] = None
    """Largest norm of the gradient, which is scaled down to it; `null`: as it is."""
    augment: Annotated[bool, Later(False)] = False
    """Random shifts by an eighth of the size and horizontal flips of training images. Off, as in
    the paper: it makes noisy labels hard to fit."""
    stopping: Annotated[Literal["rule", "epochs", "updates"], Later("rule")] = "rule"
    """When training ends: by the paper's `rule` (below, at most `epochs`), after `epochs`, or after
    `updates`."""
    updates: Annotated[PositiveInt, When("stopping", ("updates",))] = 80_000
    """Gradient updates, where `stopping` says so (paper's translation: 80,000)."""
    stop_tolerance: NonNegativeFloat = 1e-4
    """The rule: the epoch's training loss moves by less than this ..."""
    stop_patience: PositiveInt = 5
    """... for this many epochs in a row ..."""
    stop_not_before: Annotated[int, Field(ge=0), Later(0)] = 0
    """... and not before this epoch (the authors' code: 30). It stops training, or, where training
    goes on, says which weights are `early_stopped`."""

    def rate(self, lr: float, batch_size: int) -> float:
        """The rate in effect: lr, or lr B / 128 under linear scaling."""
        return lr * batch_size / REFERENCE_BATCH if self.linear_scaling else lr
