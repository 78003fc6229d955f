"""What is measured on trained networks: tensors in, numbers with their spread and count out."""

from landscape_catalog.metrics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.cka import debiased_cka, linear_cka
from landscape_catalog.metrics.curves.barrier import LineBarrier, barrier_height, line_barrier
from landscape_catalog.metrics.curves.connectivity import ModeConnectivity, mode_connectivity
from landscape_catalog.metrics.curves.curve import Curve, coefficients
from landscape_catalog.metrics.curves.fit import CurveRecipe, fit_curve, fit_curves
from landscape_catalog.metrics.curves.points import CurvePoint, curve_points, next_t
from landscape_catalog.metrics.distance import Distance, l2_distance
from landscape_catalog.metrics.evaluation import Evaluation, evaluate
from landscape_catalog.metrics.features import network_features, prepared_features
from landscape_catalog.metrics.hessian import (
    HessianEstimate,
    HessianRecipe,
    hessian_density,
    hessian_estimate,
    layer_estimates,
    pyhessian_estimate,
)
from landscape_catalog.metrics.hsic import Prepared, prepare
from landscape_catalog.metrics.similarity import Similarity, similarity

__all__ = [
    "Curve",
    "CurvePoint",
    "CurveRecipe",
    "Distance",
    "Evaluation",
    "HessianEstimate",
    "HessianRecipe",
    "LineBarrier",
    "ModeConnectivity",
    "Prepared",
    "Similarity",
    "barrier_height",
    "coefficients",
    "curve_points",
    "debiased_cka",
    "evaluate",
    "fit_curve",
    "fit_curves",
    "hessian_density",
    "hessian_estimate",
    "l2_distance",
    "layer_estimates",
    "line_barrier",
    "linear_cka",
    "mode_connectivity",
    "network_features",
    "next_t",
    "prepare",
    "prepared_features",
    "pyhessian_estimate",
    "recompute_batchnorm",
    "similarity",
]
