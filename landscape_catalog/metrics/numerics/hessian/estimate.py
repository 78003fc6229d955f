"""Local structure: top eigenvalue and trace of the Hessian of a batch, with their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.hessian.spec import HessianEstimate
from landscape_catalog.metrics.numerics.hessian.density import spectral_density
from landscape_catalog.metrics.numerics.hessian.lanczos import (
    NotFiniteError,
    krylov_space,
    top_eigenvalue,
)
from landscape_catalog.metrics.numerics.hessian.products import (
    BatchHessian,
    Mode,
    Operator,
    layer_names,
)
from landscape_catalog.metrics.numerics.hessian.trace import deflated_trace
from landscape_catalog.tasks import Samples, Task

DEFLATION = 20  # directions that the trace knows exactly; the top eigenvalue needs some ten


@dataclass(frozen=True)
class HessianRecipe:
    """How a Hessian is estimated.

    Attributes:
        max_iterations: most Lanczos steps, and most probes.
        tolerance: of the eigenvalue: its residual, relative to it.
        trace_tolerance: of the trace: its standard error, relative to it.
        mode: of batch norm, `eval` or `train`.
        batch_size: samples at a time where memory is short; None: all.
    """

    max_iterations: int = 100
    tolerance: float = 1e-3
    trace_tolerance: float = 0.025
    mode: Mode = "eval"
    batch_size: int | None = None


def hessian_estimate(
    network: nn.Module, data: Samples, task: Task, recipe: HessianRecipe, *, seed: tuple[int, int]
) -> HessianEstimate:
    """Top eigenvalue (Lanczos) and trace (Hutch++ on the same Krylov space) of a batch's Hessian.

    H is the second derivative of (1/n) sum l_i in all trainable parameters, batch norm and biases
    among them, without weight decay.

    Args:
        network: untouched.
        data: the batch.
        task: its loss.
        recipe: tolerances and limits.
        seed: of the Lanczos start, and of the probes.

    Raises:
        ValueError: if the loss is random, or cannot be taken so (see `BatchHessian`).

    Source: Lanczos 1950; Meyer et al. 2021; Yang et al. 2021, section 2, for what is measured.
    """
    return estimate(_operator(network, data, task, recipe), recipe, seed=seed)


def layer_estimates(
    network: nn.Module, data: Samples, task: Task, recipe: HessianRecipe, *, seed: tuple[int, int]
) -> dict[str, HessianEstimate]:
    """`hessian_estimate` of each layer: of the diagonal block of H in its parameters, by its name.

    The traces of all blocks add up to that of H; where H has no large negative eigenvalue, its top
    eigenvalue is at least the largest of the blocks'.
    """
    return {
        layer: estimate(_operator(network, data, task, recipe, names), recipe, seed=seed)
        for layer, names in layer_names(network).items()
    }


def _operator(
    network: nn.Module,
    data: Samples,
    task: Task,
    recipe: HessianRecipe,
    names: list[str] | None = None,
) -> BatchHessian:
    return BatchHessian(
        network, data, task, mode=recipe.mode, batch_size=recipe.batch_size, names=names
    )


def hessian_density(
    network: nn.Module,
    data: Samples,
    task: Task,
    recipe: HessianRecipe,
    *,
    probes: int,
    steps: int,
    seed: int,
) -> SpectralDensity:
    """`spectral_density` of a batch's Hessian; empty, with the reason, where it is not finite.

    Args:
        network: untouched.
        data: the batch.
        task: its loss.
        recipe: mode and batch size; tolerances play no part.
        probes: random starts.
        steps: Lanczos steps of each.
        seed: of the starts.

    Raises:
        ValueError: as `hessian_estimate`.
    """
    operator = _operator(network, data, task, recipe)
    try:
        return spectral_density(operator, probes=probes, steps=steps, seed=seed)
    except NotFiniteError as error:
        return SpectralDensity([], [], [], math.nan, probes, steps, str(error))


def estimate(
    operator: Operator, recipe: HessianRecipe, *, seed: tuple[int, int]
) -> HessianEstimate:
    """The same of any symmetric matrix. A product that is not finite makes both NaN."""
    most, tolerance = recipe.max_iterations, recipe.tolerance
    try:
        space = krylov_space(
            operator,
            at_least=min(DEFLATION, most),
            at_most=most,
            tolerance=tolerance,
            seed=seed[0],
        )
        top = top_eigenvalue(operator, space, tolerance=tolerance)
        top_products = operator.products
        trace = deflated_trace(
            operator, space, tolerance=recipe.trace_tolerance, at_most=most, seed=seed[1]
        )
    except NotFiniteError as error:
        n, nan, reason = operator.products, math.nan, str(error)
        return HessianEstimate(nan, nan, n, False, nan, nan, 0, False, n, reason, reason)
    return HessianEstimate(
        top_eigenvalue=top.value,
        top_residual=top.residual,
        top_products=top_products,
        top_converged=top.converged,
        trace=trace.value,
        trace_sd=trace.sd,
        trace_n=trace.n,
        trace_converged=trace.converged,
        products=operator.products,
        top_reason=top.reason,
        trace_reason=trace.reason,
    )
