"""How runs are trained: temperature-like parameters, optimizer, schedule and stopping."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, Strict

from landscape_catalog.schema.fields import (
    Added,
    Axis,
    BatchSize,
    Constant,
    Count,
    Fraction,
    Later,
    Name,
    NonNegativeFloat,
    Outside,
    PositiveFloat,
    PositiveInt,
    ProperFraction,
    Section,
    Seed,
    When,
)

Snapshot = Literal["best_train_loss", "early_stopped", "last", "best_test"]
SNAPSHOTS: tuple[Snapshot, ...] = get_args(Snapshot)
REFERENCE_BATCH = 128  # of the linear scaling rule: Yang et al. 2021, appendix D.7.2


class Temperature(Section):
    """Temperature-like parameters: how noisy training is. A list is an axis of the grid."""

    batch_size: Axis[BatchSize] = 128
    """Samples per step, at least two (batch norm). A smaller batch is a higher temperature."""
    lr: Axis[PositiveFloat] = 0.05
    """Learning rate: the initial value, or the peak after a warm-up."""
    weight_decay: Axis[NonNegativeFloat] = 5e-4
    """The optimiser's weight decay (L2, in the gradient), which is twice the lambda of the paper's
    equation 1: wd theta is the gradient of 1/2 wd ||theta||^2 = lambda ||theta||^2."""
    extra: dict[Name, Axis[Constant]] = {}
    """Custom parameters by name (such as a dropout rate): each is passed to the model and task
    functions that have a parameter of that name."""


class Train(Section):
    """How a run is trained: sampling without replacement, incomplete batches dropped."""

    optimizer: Annotated[Literal["sgd", "adam"], Later("sgd")] = "sgd"
    """`sgd` (with momentum) or `adam`."""
    epochs: Annotated[PositiveInt, When("stopping", ("rule", "epochs"))] = 150
    """Maximum number of epochs of a run."""
    seeds: Annotated[PositiveInt, Outside()] = 5
    """Number of runs per cell, whose seeds follow one another from `first_seed` on. Not part of
    any run's id."""
    first_seed: Annotated[Seed, Outside(), Added(0)] = 0
    """Seed of a cell's first run. `seeds: 5, first_seed: 5` gives a map that shares no run with
    that of `seeds: 5`. Not part of any run's id."""
    momentum: Annotated[Fraction, When("optimizer", ("sgd",))] = 0.9
    """Momentum of SGD (the authors' code)."""
    beta1: Annotated[ProperFraction, When("optimizer", ("adam",))] = 0.9
    """Adam: decay rate of the first moment (mean of gradients)."""
    beta2: Annotated[ProperFraction, When("optimizer", ("adam",))] = 0.98
    """Adam: decay rate of the second moment (mean of squares). 0.98: Vaswani et al. 2017."""
    epsilon: Annotated[PositiveFloat, When("optimizer", ("adam",))] = 1e-8
    """Adam: term added to the square root in the denominator."""
    schedule: Annotated[Literal["constant", "step", "inverse_sqrt"], Later("constant")] = "constant"
    """Learning rate schedule: `constant`, `step` (times `factor` at each milestone), or
    `inverse_sqrt` (linear warm-up, then decay with the inverse square root of the updates)."""
    milestones: Annotated[
        tuple[Fraction, ...], Strict(False), Field(min_length=1), When("schedule", ("step",))
    ] = (0.75,)
    """`step`: when the rate changes, as fractions of the training."""
    factor: Annotated[PositiveFloat, When("schedule", ("step",))] = 0.1
    """`step`: what the rate is multiplied by at each milestone."""
    warmup: Annotated[Count, Later(0)] = 0
    """Number of updates of linear warm-up to the rate, under any schedule; 0: none."""
    linear_scaling: Annotated[bool, Outside()] = False
    """Whether the rate in effect is temperature.lr times batch_size / 128."""
    label_smoothing: Annotated[ProperFraction, Later(0.0)] = 0.0
    """Share of the training target that is spread over all classes; no metric uses it."""
    clip_norm: Annotated[PositiveFloat | None, Later(None)] = None
    """Maximum gradient norm, to which larger gradients are scaled down; `null`: no clipping."""
    augment: Annotated[bool, Later(False)] = False
    """Random shifts by up to an eighth of the size and horizontal flips of training images. Off, as
    in the paper: it makes noisy labels hard to fit."""
    precision: Annotated[Literal["float32", "tf32", "bf16"], Added("float32")] = "float32"
    """Arithmetic of training steps: `float32`; `tf32`, TensorFloat-32 in products and convolutions
    on CUDA (float32 elsewhere); or `bf16`, bfloat16 where torch's autocast allows. Weights,
    optimiser and all measurements stay float32."""
    stopping: Annotated[Literal["rule", "epochs", "updates"], Later("rule")] = "rule"
    """When training ends: by the paper's `rule` (below, at most `epochs`), after `epochs`, or after
    `updates`."""
    updates: Annotated[PositiveInt, When("stopping", ("updates",))] = 80_000
    """Number of gradient updates under `stopping: updates` (paper's translation: 80,000)."""
    stop_tolerance: NonNegativeFloat = 1e-4
    """Stopping rule: an epoch is on a plateau if its training loss changes by less than this."""
    stop_patience: PositiveInt = 5
    """Stopping rule: it applies after this many epochs in a row on a plateau."""
    stop_not_before: Annotated[Count, Later(0)] = 0
    """Stopping rule: it never applies before this epoch (the authors' code: 30). If `stopping` lets
    training continue, the rule only determines the `early_stopped` weights."""

    def rate(self, lr: float, batch_size: int) -> float:
        """The rate in effect: lr, or lr B / 128 under linear scaling."""
        return lr * batch_size / REFERENCE_BATCH if self.linear_scaling else lr
