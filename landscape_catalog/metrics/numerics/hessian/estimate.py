"""Top eigenvalue and trace of the Hessian of a batch's loss, with their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import nn

from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.hessian.spec import estimator_name
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

DEFLATION = 20  # directions deflated from the trace; the top eigenvalue needs about ten


@dataclass(frozen=True)
class HessianRecipe:
    """How a Hessian is estimated.

    Attributes:
        max_iterations: maximum number of Lanczos steps, and of probes.
        tolerance: on the eigenvalue's residual, relative to the eigenvalue.
        trace_tolerance: on the trace's standard error, relative to the trace.
        mode: of batch norm, `eval` or `train`.
        batch_size: samples processed at a time, to save memory; None: all.
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

    H is the second derivative of (1/n) sum l_i with respect to all trainable parameters, including
    batch norm and biases, without weight decay.

    Args:
        network: not modified.
        data: the batch.
        task: its loss.
        recipe: tolerances and limits.
        seed: of the Lanczos start vector, and of the probes.

    Raises:
        ValueError: if the loss is random, or for the other reasons given in `BatchHessian`.

    Source: Lanczos 1950; Meyer et al. 2021; for the quantities, Yang et al. 2021, section 2.
    """
    found = estimate(_operator(network, data, task, recipe), recipe, seed=seed)
    return _described(found, data)


def layer_estimates(
    network: nn.Module, data: Samples, task: Task, recipe: HessianRecipe, *, seed: tuple[int, int]
) -> dict[str, HessianEstimate]:
    """`hessian_estimate` of each layer's diagonal block of H, by the layer's name.

    The traces of the blocks add up to that of H. Unless H has a large negative eigenvalue, its top
    eigenvalue is at least as large as that of any block.
    """
    return {
        layer: _described(
            estimate(_operator(network, data, task, recipe, names), recipe, seed=seed), data
        )
        for layer, names in layer_names(network).items()
    }


def _described(found: HessianEstimate, data: Samples) -> HessianEstimate:
    """The estimate with the name of the method and the size of the batch."""
    return replace(found, method=estimator_name("native"), samples=len(data))


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
    """`spectral_density` of a batch's Hessian; empty, with a reason, if it is not finite.

    Args:
        network: not modified.
        data: the batch.
        task: its loss.
        recipe: mode and batch size; its tolerances are not used.
        probes: number of random start vectors.
        steps: Lanczos steps per start vector.
        seed: of the start vectors.

    Raises:
        ValueError: as for `hessian_estimate`.
    """
    operator = _operator(network, data, task, recipe)
    try:
        found = spectral_density(operator, probes=probes, steps=steps, seed=seed)
    except NotFiniteError as error:
        found = SpectralDensity([], [], [], math.nan, probes, steps, str(error))
    return replace(found, samples=len(data))


def estimate(
    operator: Operator, recipe: HessianRecipe, *, seed: tuple[int, int]
) -> HessianEstimate:
    """`hessian_estimate` for any symmetric matrix. Both are NaN if a product is not finite."""
    at_most, tolerance = recipe.max_iterations, recipe.tolerance
    try:
        space = krylov_space(
            operator,
            at_least=min(DEFLATION, at_most),
            at_most=at_most,
            tolerance=tolerance,
            seed=seed[0],
        )
        top = top_eigenvalue(operator, space, tolerance=tolerance)
        top_products = operator.products
        trace = deflated_trace(
            operator, space, tolerance=recipe.trace_tolerance, at_most=at_most, seed=seed[1]
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
        trace_probes=list(trace.probes),
    )
