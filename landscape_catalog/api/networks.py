"""Metrics of your own network, on plain tensors: loss, Hessian and spectral density.

No function in this module modifies its networks or torch's settings and random state. Each computes
with one thread and deterministic kernels, so equal calls return bit-identical results.
"""

from __future__ import annotations

from typing import Literal

import torch  # noqa: F401 (used in the doctests)
from torch import nn

from landscape_catalog.api.arguments import checked
from landscape_catalog.api.tensors import (
    LossFunction,
    Pair,
    check_precision,
    check_trainable,
    samples_of,
    task_of,
)
from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.hessian.compute import hessian_recipe
from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.numerics.evaluation import evaluate as _evaluate
from landscape_catalog.metrics.numerics.hessian.estimate import (
    HessianRecipe,
    hessian_density,
    hessian_estimate,
)
from landscape_catalog.models.copying import copied
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.tasks import Samples, Task


def evaluate(network: nn.Module, loss: LossFunction | Task, data: Pair | Samples) -> Evaluation:
    """Mean loss of a network in eval mode, L = (1/n) sum_i l_i, summed in float64.

    Args:
        network: on the same device as the data.
        loss: `loss(outputs, targets)`, which returns the loss of each sample, (n,), or their mean,
            (); or a `Task`.
        data: inputs (n, ...) and targets (n, ...), or `Samples`.

    Returns:
        `loss` and its standard deviation `loss_sd` over the `n` samples, in the unit of the loss
        (the standard error of the mean is loss_sd / sqrt(n)), and the error. With a plain loss
        function, the error is the loss.

    Raises:
        ValueError: if there are no samples, the network has no parameters, or the loss is not a
            mean over samples.
        TypeError: if an argument is of another type, or the network is in half precision.

    >>> line = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.constant_(line.weight, 2.0)
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> evaluate(line, torch.nn.functional.mse_loss, (x, x)).loss  # (1 + 4) / 2
    2.5
    """
    check_precision(network=network)
    samples, task = samples_of(data), task_of(loss)
    with reproducible():
        return _evaluate(copied(network), samples, task)


def hessian(
    network: nn.Module,
    loss: LossFunction | Task,
    data: Pair | Samples,
    *,
    max_iterations: int = 100,
    tolerance: float = 1e-3,
    trace_tolerance: float = 0.025,
    mode: Literal["eval", "train"] = "eval",
    batch_size: int | None = None,
    seed: int = 0,
) -> HessianEstimate:
    """Top eigenvalue and trace of the Hessian of a network's mean loss, each with its error.

    H = d^2/dtheta^2 (1/n) sum_i l_i with respect to all trainable parameters, without weight decay.
    The top eigenvalue is the one of largest magnitude, computed by the Lanczos method; the trace is
    exact on the Krylov space and estimated with random probes on its complement (Hutch++).

    Args:
        network: on the same device as the data.
        loss: see `evaluate`; must be twice differentiable at the weights.
        data: inputs (n, ...) and targets (n, ...), or `Samples`: the batch whose mean loss is
            differentiated.
        max_iterations: maximum number of Lanczos steps, and of probes.
        tolerance: on the eigenvalue's residual, relative to the eigenvalue.
        trace_tolerance: on the trace's standard error, relative to the trace.
        mode: whether batch norm uses its running statistics (`eval`) or those of the batch
            (`train`).
        batch_size: samples processed at a time, to save memory; None: all.
        seed: of the Lanczos start vector and of the probes.

    Returns:
        `top_eigenvalue`, which is within `top_residual` of an eigenvalue of H; `trace` with its
        `trace_standard_error` over `trace_n` probes; and whether each has converged, with a reason
        if it has not. The unit is that of the loss per squared unit of the parameters. Both are NaN
        if a product with H is not finite.

    Raises:
        ValueError: if an argument is out of range, there are no samples or no trainable parameters,
            or the loss is random or is not a mean over samples.
        TypeError: if an argument is of another type, or the network is in half precision.

    Source: Lanczos 1950; Meyer et al. 2021; Yang et al. 2021, section 2.

    The Hessian of a linear regression is (2/n) X'X, here diag(1, 4):

    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 1)
    >>> regression = torch.nn.Linear(2, 1, bias=False)
    >>> found = hessian(regression, torch.nn.functional.mse_loss, (x, y))
    >>> round(found.top_eigenvalue, 4), round(found.trace, 4)
    (4.0, 5.0)
    """
    given = checked(
        "hessian",
        max_iterations=max_iterations,
        tolerance=tolerance,
        trace_tolerance=trace_tolerance,
        mode=mode,
        batch_size=batch_size,
        seed=seed,
    )
    check_precision(network=network)
    check_trainable(network)
    samples, task = samples_of(data), task_of(loss)
    seeds = derive_seed("start", given.seed), derive_seed("probes", given.seed)
    with reproducible():
        return hessian_estimate(network, samples, task, hessian_recipe(given), seed=seeds)


def spectral_density(
    network: nn.Module,
    loss: LossFunction | Task,
    data: Pair | Samples,
    *,
    probes: int = 6,
    steps: int = 30,
    mode: Literal["eval", "train"] = "eval",
    batch_size: int | None = None,
    seed: int = 0,
) -> SpectralDensity:
    """Density of the eigenvalues of the Hessian of a network's mean loss.

    phi(x) = (1/p) sum_i N(x; lambda_i, width^2) over the p eigenvalues, estimated by stochastic
    Lanczos quadrature. The Gaussian's width is one percent of the range of the eigenvalues.

    Args:
        network: on the same device as the data.
        loss: see `evaluate`; must be twice differentiable at the weights.
        data: inputs (n, ...) and targets (n, ...), or `Samples`.
        probes: number of random start vectors, at least 2; the standard error is computed over
            them.
        steps: Lanczos steps per start vector, each with one Hessian-vector product.
        mode: see `hessian`.
        batch_size: see `hessian`.
        seed: of the start vectors.

    Returns:
        `density` and its `standard_error` on the evenly spaced grid `eigenvalues`, 201 values each.
        The density is per unit of the eigenvalues and integrates to 1. The lists are empty, with a
        `reason`, if a product with H is not finite.

    Raises:
        ValueError: see `hessian`.
        TypeError: see `hessian`.

    Source: Lin, Saad and Yang 2016; Ghorbani et al. 2019.

    The Hessian of a linear regression is (2/n) X'X, here the identity:

    >>> x, y = torch.eye(2), torch.zeros(2, 1)
    >>> regression = torch.nn.Linear(2, 1, bias=False)
    >>> found = spectral_density(regression, torch.nn.functional.mse_loss, (x, y))
    >>> peak = max(range(201), key=found.density.__getitem__)
    >>> round(found.eigenvalues[peak], 2)
    1.0
    """
    given = checked(
        "spectral_density",
        probes=probes,
        steps=steps,
        mode=mode,
        batch_size=batch_size,
        seed=seed,
    )
    check_precision(network=network)
    check_trainable(network)
    samples, task = samples_of(data), task_of(loss)
    recipe = HessianRecipe(mode=given.mode, batch_size=given.batch_size)
    start = derive_seed("density", given.seed)
    with reproducible():
        return hessian_density(
            network, samples, task, recipe, probes=given.probes, steps=given.steps, seed=start
        )
