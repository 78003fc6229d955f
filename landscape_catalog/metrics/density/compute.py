"""The spectral density of a run's Hessian, on the batch that all runs share."""

from __future__ import annotations

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.hessian.compute import hessian_batch, hessian_recipe
from landscape_catalog.metrics.numerics.hessian.estimate import hessian_density


def compute(context: Context) -> SpectralDensity:
    """Estimate the density by stochastic Lanczos quadrature, smoothed by a Gaussian."""
    settings = context.settings
    return hessian_density(
        context.network(),
        hessian_batch(context),
        context.task,
        hessian_recipe(settings),
        probes=settings.density_probes,
        steps=settings.density_steps,
        seed=context.seed("hessian density", settings.seed),
    )
