"""The barrier on the straight line between two runs (linear mode connectivity)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.connectivity.spec import ConnectivitySettings, CurvePoint
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.metric import Cost, Found, Metric, Named, PairChoice, Quantity
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import REAL, Row

LINE = "line"  # instead of a probe's name, in `curve_points`
POINT_COST = 2  # forward passes: recomputing statistics, and evaluating


@dataclass(frozen=True)
class LineBarrier:
    """The straight line between two networks, batch-norm statistics recomputed at every point."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    barrier: float
    """Largest rise above the line between the endpoints' values, at least 0."""
    t: float
    """Where it is; 0 where there is none."""
    points: list[CurvePoint]
    """By increasing t."""
    unit: str = ""
    """Unit of the barrier."""
    quantity: Literal["error", "loss"] = "error"
    """Whether it is of the training error or of the training loss."""
    metric: Literal["barrier"] = field(default="barrier", kw_only=True)
    """Which metric."""


class BarrierMetric(Metric):
    """The barrier on the straight line, for the pairs that the primary curve probe chooses."""

    name = "barrier"
    scope = "pair"
    result = LineBarrier
    recipes: ClassVar = {"barrier": 2}  # evaluated as curve_points: 2 with its recipe 3
    section = "connectivity"
    alone = True
    quantities = (Quantity("line_barrier"),)
    pair_columns = (
        ("line_barrier", REAL, "rise of the straight line above its endpoints' values"),
        ("line_t", REAL, "where it is highest"),
    )

    def ways(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """The primary probe alone: a line has no parameters of a fit."""
        return sections[:1]

    def content(self, settings: ConnectivitySettings) -> dict[str, Any]:
        """What the line's barrier depends on."""
        return {"points": settings.points, "batch_size": settings.batch_size}

    def method(self, settings: ConnectivitySettings) -> str:
        """No curve."""
        return "straight line"

    def pairs(self, settings: ConnectivitySettings) -> PairChoice:
        """Those of the curves."""
        return settings.pairs

    def cost(self, settings: ConnectivitySettings, samples: int) -> Cost:
        """An epoch for each point."""
        steps = settings.points * (samples // settings.batch_size)
        return Cost(settings.batch_size, steps, POINT_COST)

    def estimates(self, results: Sequence[LineBarrier]) -> Iterator[Named]:
        """Exact: the line is what it is."""
        line = results[0]
        reason = "the error along the line is not finite" if math.isnan(line.barrier) else None
        yield (
            "line_barrier",
            Estimate(line.barrier, 0.0, "exact", 1, "lines", line.unit, reason=reason),
        )

    def rows(self, found: Sequence[Found]) -> dict[str, list[Row]]:
        """Every point of the line."""
        lines = [result for way in found for result in way.results]
        key = {"probe": LINE, "fit": 0}
        return {"curve_points": [key | point.row() for line in lines for point in line.points]}

    def pair_row(self, results: Sequence[LineBarrier]) -> Row:
        """The barrier and its place."""
        return {"line_barrier": results[0].barrier, "line_t": results[0].t}
