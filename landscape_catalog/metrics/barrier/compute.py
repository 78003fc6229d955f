"""The barrier on the straight line between the two runs of a pair."""

from __future__ import annotations

from landscape_catalog.metrics.barrier.spec import LineBarrier
from landscape_catalog.metrics.connectivity.compute import keep_endpoints, known_endpoints
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier


def compute(context: Context) -> LineBarrier:
    """Evaluate the line at evenly spaced points, with batch-norm statistics recomputed at each."""
    settings = context.settings
    seed = context.seed("curve statistics")
    found = line_barrier(
        context.network(),
        (context.state(0), context.state(1)),
        context.train,
        context.test,
        context.task,
        points=settings.points,
        batch_size=settings.batch_size,
        seed=seed,
        known=known_endpoints(context, settings.batch_size, seed),
    )
    keep_endpoints(context, settings.batch_size, seed, found.points)
    return found
