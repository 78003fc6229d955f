"""What is measured on trained networks: tensors in, numbers with their spread and count out."""

from landscape_catalog.metrics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.bezier import (
    Curve,
    CurvePoint,
    CurveRecipe,
    coefficients,
    curve_points,
    fit_curve,
)
from landscape_catalog.metrics.cka import debiased_cka, linear_cka
from landscape_catalog.metrics.connectivity import ModeConnectivity, mode_connectivity
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
    "ModeConnectivity",
    "Prepared",
    "Similarity",
    "coefficients",
    "curve_points",
    "debiased_cka",
    "evaluate",
    "fit_curve",
    "hessian_density",
    "hessian_estimate",
    "l2_distance",
    "layer_estimates",
    "linear_cka",
    "mode_connectivity",
    "network_features",
    "prepare",
    "prepared_features",
    "pyhessian_estimate",
    "recompute_batchnorm",
    "similarity",
]
