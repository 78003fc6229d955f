"""The axes of the parallel coordinates: parameters and metrics with their ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.schema.words import in_words

CHOSEN = ("train_loss", "top_eigenvalue", "trace", "mode_connectivity", "cka", "l2_distance")


@dataclass(frozen=True)
class Coordinate:
    """One axis.

    Attributes:
        field: of the cells, whose value lies between `low` and `high`.
        title: in words.
        low: the least value.
        high: the largest value.
        least: the least value as text, in the metric's unit.
        most: the largest value as text.
    """

    field: str
    title: str
    low: float
    high: float
    least: str
    most: str


def coordinates(data: ReportData) -> list[Coordinate]:
    """The two axes of the grid, the paper's metrics and the performance metric.

    Axes of the grid are drawn by the order of their values. What has only one value is left out.
    """
    x, y = data.x, data.y
    found = [
        Coordinate("col", x.name, 0, len(x.labels) - 1, x.labels[0], x.labels[-1]),
        Coordinate("row", y.name, len(y.labels) - 1, 0, y.labels[-1], y.labels[0]),
    ]
    metrics = (*CHOSEN, data.performance.metric)
    found += [_of_metric(data, metric) for metric in metrics if metric in data.recorded]
    return [one for one in found if one.low != one.high]


def _of_metric(data: ReportData, metric: str) -> Coordinate:
    """The axis of a metric; its ends are equal if it has no two different values."""
    logarithmic = QUANTITIES[metric].logarithmic
    field = f"ln {metric}" if logarithmic else metric
    values = [row[field] for row in data.cells if row[field] is not None] or [0.0]
    low, high = min(values), max(values)
    words = [f"{math.exp(end) if logarithmic else end:.3g}" for end in (low, high)]
    return Coordinate(field, in_words(metric), low, high, *words)
