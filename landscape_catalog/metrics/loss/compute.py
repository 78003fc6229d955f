"""Loss and error of one snapshot of a run."""

from __future__ import annotations

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.numerics.evaluation import evaluate


def compute(context: Context) -> Loss:
    """Evaluate the network on all training and all test samples."""
    network, task = context.network(), context.task
    train, test = (evaluate(network, data, task) for data in (context.train, context.test))
    return Loss(train, test, task.loss_unit, task.error_unit, task.judged_by)
