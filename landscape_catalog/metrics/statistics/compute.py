"""Training loss of a run with running and with recomputed batch-norm statistics."""

from __future__ import annotations

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.statistics.spec import TrainLosses


def compute(context: Context) -> TrainLosses:
    """Evaluate the network on all training samples, twice."""
    task = context.task
    networks = (context.network(), context.recomputed(context.settings.batch_size))
    running, recomputed = (evaluate(network, context.train, task) for network in networks)
    return TrainLosses(running, recomputed, task.loss_unit)
