"""Loss and error over a set of samples, in the form that all metrics use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from landscape_catalog.schema.records import VALUES


@dataclass(frozen=True)
class Evaluation:
    """Loss and error over one set of samples, in eval mode.

    Units are samples for classification and target tokens for translation.
    """

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    loss: float
    """Mean loss over units, in the task's unit: nats for cross-entropy."""
    loss_sd: float
    """Its standard deviation over units."""
    n_wrong: int | None
    """Number of misclassified units; null if the task's units are not right or wrong."""
    n: int
    """Number of units."""
    error: float | None = None
    """Error in the task's unit; null if it is 100 n_wrong / n, in percent."""

    @property
    def error_value(self) -> float:
        """Error in the task's unit."""
        if self.error is None:
            return 100 * (self.n_wrong or 0) / self.n
        return self.error

    @property
    def accuracy(self) -> float:
        """Percentage of correct units; NaN if units are not right or wrong."""
        if self.n_wrong is None:
            return math.nan
        return 100 * (self.n - self.n_wrong) / self.n

    def quantity(self, name: str) -> float:
        """The `loss`, or the `error` in the task's unit; mode connectivity uses one of them."""
        return self.loss if name == "loss" else self.error_value
