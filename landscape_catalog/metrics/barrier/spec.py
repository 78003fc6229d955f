"""The barrier on the straight line between two runs (linear mode connectivity)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.connectivity.result import CurvePoint
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.estimate import Estimate, not_finite_reason
from landscape_catalog.metrics.metric import Cost, Metric, Named, Quantity
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import REAL, Column, Row
from landscape_catalog.training.grouping import has_small_values

LINE = "line"  # stands in `curve_points` instead of a probe's name
POINT_COST = 2  # forward passes: recomputing statistics, and evaluating


@dataclass(frozen=True)
class LineBarrier:
    """The barrier on the straight line, with batch-norm statistics recomputed at every point."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    barrier: float
    """Largest rise above linear interpolation between the endpoints' values; at least 0."""
    t: float
    """Where the rise is largest; 0 if there is no barrier."""
    points: list[CurvePoint]
    """The points, by increasing t."""
    unit: str = ""
    """Unit of the barrier."""
    quantity: Literal["error", "loss"] = "error"
    """Whether it is computed from the training error or the training loss."""
    metric: Literal["barrier"] = field(default="barrier", kw_only=True)
    """Which metric."""


class BarrierMetric(Metric):
    """The barrier on the straight line, for the pairs that the primary curve probe selects."""

    name = "barrier"
    scope = "pair"
    result = LineBarrier
    # Evaluated as the points of a curve, so it became 2 when `curve_points` became 3.
    recipes: ClassVar = {"barrier": 2}
    grouped_recipes: ClassVar = {"barrier": 3}
    authors_statistics = "recomputed"
    section = "connectivity"
    alone = True
    quantities = (Quantity("line_barrier"),)
    pair_columns = (
        Column(
            "line_barrier",
            REAL,
            "barrier on the straight line between the runs",
            "see `connectivity_unit`",
        ),
        Column("line_t", REAL, "where the barrier is highest", "1"),
    )

    def select_probes(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """The primary probe only: a straight line has no fit parameters that could differ."""
        return sections[:1]

    def content(self, settings: ConnectivitySettings) -> dict[str, Any]:
        """The settings that the line's barrier depends on."""
        return {"points": settings.points, "batch_size": settings.batch_size}

    def recipe_numbers(
        self, settings: ConnectivitySettings, network: Mapping[str, Any] | None
    ) -> dict[str, int]:
        """The grouped one where batch-norm statistics are made side by side."""
        grouped = has_small_values(network, settings.batch_size)
        return dict(self.grouped_recipes if grouped else self.recipes)

    def method(self, settings: ConnectivitySettings) -> str:
        """Always the straight line."""
        return "straight line"

    def pairs(self, settings: ConnectivitySettings) -> PairChoice:
        """The same pairs as for the curves."""
        return settings.pairs

    def cost(self, settings: ConnectivitySettings, samples: int) -> Cost:
        """One epoch per point."""
        steps = settings.points * (samples // settings.batch_size)
        return Cost(settings.batch_size, steps, POINT_COST)

    def estimates(self, results: Sequence[LineBarrier]) -> Iterator[Named]:
        """Exact: nothing on the line is estimated or fitted."""
        line = results[0]
        reason = not_finite_reason(f"the {line.quantity} along the line", line.barrier)
        yield (
            "line_barrier",
            Estimate(line.barrier, 0.0, "exact", 1, "lines", line.unit, reason=reason),
        )

    def rows(self, probe: str, results: Sequence[LineBarrier]) -> dict[str, list[Row]]:
        """A row of `curve_points` for each point of the line."""
        key = {"probe": LINE, "fit": 0}
        return {"curve_points": [key | point.row() for line in results for point in line.points]}

    def pair_row(self, results: Sequence[LineBarrier]) -> Row:
        """The barrier and its position."""
        return {"line_barrier": results[0].barrier, "line_t": results[0].t}
