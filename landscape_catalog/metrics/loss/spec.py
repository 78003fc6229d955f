"""Loss and error of a run on its training and test data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.estimate import Estimate, binomial_error, not_finite_reason
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.metric import Metric, Named, Panel, Quantity, Slice
from landscape_catalog.schema.records import VALUES

PERCENT = "%"
Judge = Literal["accuracy", "error", "loss"]


@dataclass(frozen=True)
class Loss:
    """Loss and error on training and test data."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    train: Evaluation
    """On the training data, including noisy labels."""
    test: Evaluation
    """On the clean test data."""
    loss_unit: str | None = None
    """Unit of the loss; null in records of the first version."""
    error_unit: str | None = None
    """Unit of the error; null in records of the first version."""
    judged_by: Judge | None = None
    """The test quantity by which runs of this task are ranked; null in records of the first
    version."""
    metric: Literal["loss"] = field(default="loss", kw_only=True)
    """Which metric."""


def _judging(title: str, better: Literal["higher", "lower"], *, logarithmic: bool) -> Quantity:
    """A test quantity by which cells are ranked if the task says so."""
    name = title.lower().replace(" ", "_")
    titled = f"{title}, {{unit}}"
    lower = better == "lower"
    hint = "brighter is lower, and better" if lower else "brighter is better"
    hint += "; logarithmic colours" if logarithmic else ""
    number = ".3~g" if logarithmic else ".1f"
    return Quantity(
        name,
        n_unit="units",
        logarithmic=logarithmic,
        better=better,
        panel=Panel(0, titled, hint, number=number, reverse=lower),
        slice=Slice(titled, f"{better} is better"),
    )


class LossMetric(Metric):
    """Mean loss and error over all training data and all test data, in eval mode.

    The training data define the landscape, so values on them are exact. The test data are a sample,
    the same one for all runs, so values on them have a standard error that runs share.
    """

    name = "loss"
    scope = "run"
    result = Loss
    recipes: ClassVar = {"loss": 1}
    every_snapshot = True
    only_converged = False
    quantities = (
        Quantity(
            "train_loss",
            n_unit="units",
            logarithmic=True,
            panel=Panel(
                2,
                "Training loss, {unit}",
                "orange: not fitted; logarithmic colours",
                "blueorange",
                ".2~g",
            ),
            slice=Slice("Training loss, {unit}", "lower is better fitted", logarithmic=True),
        ),
        Quantity("train_accuracy", PERCENT, "units"),
        Quantity("train_error", n_unit="units"),
        _judging("Test loss", "lower", logarithmic=True),
        _judging("Test accuracy", "higher", logarithmic=False),
        _judging("Test error", "lower", logarithmic=False),
    )

    def estimates(self, results: Sequence[Loss]) -> Iterator[Named]:
        """Loss, accuracy and error on training and test data."""
        loss = results[0]
        yield from _estimates("train", loss.train, loss, exact=True)
        yield from _estimates("test", loss.test, loss, exact=False)


def _estimates(side: str, values: Evaluation, loss: Loss, *, exact: bool) -> Iterator[Named]:
    n, loss_unit, error_unit = values.n, loss.loss_unit or "", loss.error_unit or ""
    kind: Literal["exact", "standard error"] = "exact" if exact else "standard error"
    # A custom task's error need not be a share of units; its standard error is then unknown.
    share_error = 0.0 if exact else 100 * binomial_error(values.accuracy / 100, n)
    loss_error = 0.0 if exact else values.loss_sd / math.sqrt(n)
    reason = not_finite_reason("the loss", values.loss)
    yield (
        f"{side}_loss",
        Estimate(
            values.loss,
            loss_error,
            kind,
            n,
            "units",
            loss_unit,
            reason=reason,
            shared_draw=not exact,
        ),
    )
    shares = {"accuracy": (values.accuracy, PERCENT), "error": (values.error_value, error_unit)}
    for name, (value, unit) in shares.items():
        missing = not_finite_reason(f"the {name}", value)
        if name == "accuracy" and values.n_wrong is None:
            missing = "units are not right or wrong"
        error_kind = "unknown" if math.isnan(share_error) else kind
        yield (
            f"{side}_{name}",
            Estimate(
                value,
                share_error,
                error_kind,
                n,
                "units",
                unit,
                reason=missing,
                shared_draw=not exact,
            ),
        )
