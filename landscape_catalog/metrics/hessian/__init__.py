"""The Hessian of a batch's loss: its top eigenvalue, trace, density and layers."""

from landscape_catalog.metrics.hessian.density import Density, spectral_density
from landscape_catalog.metrics.hessian.estimate import (
    HessianEstimate,
    HessianRecipe,
    hessian_density,
    hessian_estimate,
    layer_estimates,
)
from landscape_catalog.metrics.hessian.products import BatchHessian
from landscape_catalog.metrics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.metrics.hessian.trace import half_width, standard_error

__all__ = [
    "BatchHessian",
    "Density",
    "HessianEstimate",
    "HessianRecipe",
    "half_width",
    "hessian_density",
    "hessian_estimate",
    "layer_estimates",
    "pyhessian_estimate",
    "spectral_density",
    "standard_error",
]
