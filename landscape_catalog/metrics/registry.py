"""Every metric, in the order in which the catalog's view `cells` lists them.

A new metric is a folder with `spec.py` and `compute.py`, and a line here.
"""

from __future__ import annotations

from landscape_catalog.metrics.barrier.spec import BarrierMetric
from landscape_catalog.metrics.connectivity.spec import ConnectivityMetric
from landscape_catalog.metrics.custom.spec import CustomMetric
from landscape_catalog.metrics.density.spec import DensityMetric
from landscape_catalog.metrics.distance.spec import DistanceMetric
from landscape_catalog.metrics.hessian.spec import HessianMetric
from landscape_catalog.metrics.layers.spec import LayersMetric
from landscape_catalog.metrics.loss.spec import LossMetric
from landscape_catalog.metrics.metric import Metric, Quantity
from landscape_catalog.metrics.similarity.spec import SimilarityMetric
from landscape_catalog.schema.identity import RECIPES

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        LossMetric(),
        HessianMetric(),
        DensityMetric(),
        LayersMetric(),
        ConnectivityMetric(),
        BarrierMetric(),
        SimilarityMetric(),
        DistanceMetric(),
        CustomMetric(),
    )
}

# What is known of a run besides its measurements.
RUN_QUANTITIES = (Quantity("n_epochs", "epochs", "epochs"),)
# Every number that a cell has whatever its experiment: a `metric` of `cell_metrics` each, in the
# order of the view `cells`. A custom metric's are in the long tables alone.
QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantities in (*(metric.quantities for metric in METRICS.values()), RUN_QUANTITIES)
    for quantity in quantities
}
METRIC_OF: dict[str, str] = {
    quantity.name: metric.name for metric in METRICS.values() for quantity in metric.quantities
}


def every_recipe() -> dict[str, int]:
    """The number of every component's recipe: those of data and training, and of each metric."""
    return RECIPES | {
        name: number for metric in METRICS.values() for name, number in metric.recipes.items()
    }
