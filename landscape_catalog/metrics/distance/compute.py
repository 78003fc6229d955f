"""L2 distance between the weights of the two runs of a pair."""

from __future__ import annotations

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.metrics.numerics.distance import l2_distance


def compute(context: Context) -> WeightDistance:
    """Compare the trainable parameters."""
    return l2_distance(context.state(0), context.state(1), context.trainable_names)
