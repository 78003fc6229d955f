"""L2 distance between two runs in weight space, and the norm of each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.metric import Cost, Metric, Named, Panel, Quantity
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import REAL, Column, Row


@dataclass(frozen=True)
class WeightDistance:
    """L2 distance between two networks and the norm of each, over trainable parameters."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    l2: float
    """Distance between the trainable parameters."""
    norm: float
    """Norm of the first network's parameters."""
    other_norm: float
    """Norm of the second network's parameters."""
    n: int
    """Number of trainable parameters."""
    reason: str | None = None
    """Why the distance is NaN."""
    metric: Literal["distance"] = field(default="distance", kw_only=True)
    """Which metric."""

    @property
    def relative(self) -> float:
        """The distance relative to the mean norm, ||a - b|| / ((||a|| + ||b||) / 2), from 0 to 2.

        0 for equal weights, sqrt(2) for orthogonal weights of equal norm, 2 for opposite weights;
        NaN if both norms are zero or the distance is NaN.
        """
        mean = (self.norm + self.other_norm) / 2
        return self.l2 / mean if mean else math.nan


def _exact(value: float, found: WeightDistance) -> Estimate:
    reason = found.reason if not math.isfinite(value) else None
    return Estimate(value, 0.0, "exact", found.n, "parameters", reason=reason)


class DistanceMetric(Metric):
    """||theta - theta'||_2 over trainable parameters, absolute and relative to the mean norm."""

    name = "distance"
    scope = "pair"
    result = WeightDistance
    recipes: ClassVar = {"distance": 1}
    shared_recipes = ()
    authors_statistics = None  # it compares parameters only
    quantities = (
        Quantity(
            "l2_distance",
            panel=Panel(7, "L2 distance", "brighter is farther apart", number=".1f"),
        ),
        Quantity("relative_distance"),
        Quantity("norm"),
    )
    pair_columns = (
        Column("l2_distance", REAL, "L2 distance between the weights", "1"),
        Column("relative_distance", REAL, "the distance relative to the mean norm", "1"),
        Column("norm", REAL, "norm of the first run's weights", "1"),
        Column("other_norm", REAL, "norm of the second run's weights", "1"),
    )

    def cost(self, settings: Any, samples: int) -> Cost:
        """No network is evaluated."""
        return Cost(samples, 1, 0)

    def estimates(self, results: Sequence[WeightDistance]) -> Iterator[Named]:
        """Exact: a function of the two sets of weights."""
        found = results[0]
        yield "l2_distance", _exact(found.l2, found)
        yield "relative_distance", _exact(found.relative, found)

    def member_estimates(self, result: WeightDistance) -> tuple[list[Named], list[Named]]:
        """The norm of each run's weights."""
        norms = (result.norm, result.other_norm)
        one, other = (
            [("norm", Estimate(norm, 0.0, "exact", result.n, "parameters"))] for norm in norms
        )
        return one, other

    def pair_row(self, results: Sequence[WeightDistance]) -> Row:
        """The distance and both norms."""
        found = results[0]
        return {
            "l2_distance": found.l2,
            "relative_distance": found.relative,
            "norm": found.norm,
            "other_norm": found.other_norm,
        }
