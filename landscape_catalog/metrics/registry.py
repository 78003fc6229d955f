"""All metrics, in the column order of the catalog's view `cells`.

To add a metric, create a folder with `spec.py` and `compute.py` and add a line here.
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
from landscape_catalog.metrics.statistics.spec import StatisticsMetric
from landscape_catalog.schema.identity import GROUPED_RECIPES, RECIPES

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        LossMetric(),
        HessianMetric(),
        DensityMetric(),
        LayersMetric(),
        ConnectivityMetric(),
        BarrierMetric(),
        StatisticsMetric(),
        SimilarityMetric(),
        DistanceMetric(),
        CustomMetric(),
    )
}

# What is known about a run besides its measurements.
RUN_QUANTITIES = (Quantity("n_epochs", "epochs", "epochs"),)
# The quantities that every experiment's cells have: each is a `metric` of `cell_metrics`, in the
# column order of the view `cells`. Values of custom metrics are in the long tables only.
QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantities in (*(metric.quantities for metric in METRICS.values()), RUN_QUANTITIES)
    for quantity in quantities
}
METRIC_OF: dict[str, str] = {
    quantity.name: metric.name for metric in METRICS.values() for quantity in metric.quantities
}


def every_recipe() -> dict[str, int]:
    """The recipe number of every component: data, training and each metric.

    The numbers of what is computed side by side have names that end in `.grouped`.
    """
    every = RECIPES | {
        name: number for metric in METRICS.values() for name, number in metric.recipes.items()
    }
    grouped = [GROUPED_RECIPES, *(metric.grouped_recipes for metric in METRICS.values())]
    return every | {
        f"{name}.grouped": number for recipes in grouped for name, number in recipes.items()
    }
