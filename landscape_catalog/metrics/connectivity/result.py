"""Results of mode connectivity: the points of a curve, mc, and whether the fit has converged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import Row

LengthUnit = Literal["epochs", "updates"]


@dataclass(frozen=True)
class CurvePoint:
    """Loss and error of the network at one point of a curve."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    t: float
    """Position between 0 and 1."""
    train: Evaluation
    """On the training data."""
    test: Evaluation
    """On the test data."""

    def row(self) -> Row:
        """Its columns in the table `curve_points`."""
        row: Row = {"t": self.t}
        for side, values in (("train", self.train), ("test", self.test)):
            row |= {
                f"{side}_error": values.error_value,
                f"{side}_loss": values.loss,
                f"n_{side}": values.n,
            }
        return row


@dataclass(frozen=True)
class ModeConnectivity:
    """Deviation of the error along a curve from the mean of its endpoints, in the error's unit."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    mode_connectivity: float
    """mc of Eq. 4: the deviation of largest magnitude strictly between the endpoints."""
    t: float
    """Where this deviation is attained."""
    lowest: float
    """Most negative deviation: minus the height of the worst barrier, 0 if there is none."""
    highest: float
    """Most positive deviation: how far the error dips below its endpoints, 0 if it does not."""
    peak_error: float
    """Largest training error (or loss) strictly between the endpoints."""
    area: float
    """Integral of the training error (or loss) over t from 0 to 1, by the trapezoid rule."""
    unit: str = ""
    """Unit of mode connectivity."""
    quantity: Literal["error", "loss"] = "error"
    """Whether it is computed from the training error or the training loss."""
    points: list[CurvePoint] = field(default_factory=list)
    """The evaluated points, by increasing t."""
    fit_length: int | None = None
    """Length of the fit in `length_unit`; null in earlier records."""
    length_unit: LengthUnit = "epochs"
    """Unit of the two lengths."""
    shorter_length: int | None = None
    """Length of the shorter fit that it was compared with; null if there was none."""
    shorter_mode_connectivity: float | None = None
    """mc of the shorter fit."""
    convergence: float | None = None
    """Difference between the two mc from which on the fit counts as not converged."""
    metric: Literal["connectivity"] = field(default="connectivity", kw_only=True)
    """Which metric."""

    @property
    def converged(self) -> bool | None:
        """Whether mc differs from that of the shorter fit by less than `convergence`.

        False if it is not finite, None (unknown) if there was no shorter fit. A difference equal to
        `convergence` up to rounding counts as one that is not less.
        """
        if not math.isfinite(self.mode_connectivity):
            return False
        if self.shorter_mode_connectivity is None or self.convergence is None:
            return None
        change = abs(self.mode_connectivity - self.shorter_mode_connectivity)
        return change < self.convergence and not math.isclose(change, self.convergence)

    @property
    def not_converged_reason(self) -> str | None:
        """The numbers that show that the fit has not converged; None if they do not."""
        if self.converged is not False or self.shorter_mode_connectivity is None:
            return None
        shorter, value = self.shorter_mode_connectivity, self.mode_connectivity
        if not math.isfinite(shorter):
            return f"the fit with {self.shorter_length} {self.length_unit} has diverged"
        return (
            f"mc {shorter:.4g} with {self.shorter_length} {self.length_unit}, {value:.4g} with "
            f"{self.fit_length}: they differ by {abs(value - shorter):.2g}, not by less than "
            f"{self.convergence:g}"
        )


def all_converged(fits: Sequence[ModeConnectivity]) -> bool | None:
    """Whether all of several fits have converged; None if none is known not to and some unknown."""
    found = {fit.converged for fit in fits}
    return False if False in found else None if None in found else True
