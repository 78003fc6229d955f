"""Top eigenvalue and trace of each layer's diagonal block of a run's Hessian."""

from __future__ import annotations

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.hessian.compute import (
    hessian_batch,
    hessian_recipe,
    hessian_seeds,
)
from landscape_catalog.metrics.layers.spec import LayerHessians
from landscape_catalog.metrics.numerics.hessian.estimate import layer_estimates


def compute(context: Context) -> LayerHessians:
    """Use the same batch, tolerances and seeds as for the whole Hessian."""
    layers = layer_estimates(
        context.network(),
        hessian_batch(context),
        context.task,
        hessian_recipe(context.settings),
        seed=hessian_seeds(context),
    )
    return LayerHessians(layers)
