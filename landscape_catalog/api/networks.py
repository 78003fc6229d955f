"""Metrics of one network of yours, on plain tensors: its loss, its Hessian, its spectrum."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch  # noqa: F401 (used in the doctests)
from torch import nn

from landscape_catalog.api.tensors import LossFunction, Pair, copied, samples_of, task_of
from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.hessian.spec import HessianEstimate
from landscape_catalog.metrics.numerics.evaluation import evaluate as _evaluate
from landscape_catalog.metrics.numerics.hessian.estimate import (
    HessianRecipe,
    hessian_density,
    hessian_estimate,
)
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.tasks import Samples, Task


def evaluate(network: nn.Module, loss: LossFunction | Task, data: Pair | Samples) -> Evaluation:
    """Mean loss of a network in eval mode, L = (1/n) sum_i l_i, summed in float64.

    The network, its gradients and mode, and torch's settings and random state stay as they are;
    so it is with every function of this module. Each computes with one thread and deterministic
    kernels, so that the same call gives the same bits.

    Args:
        network: on the device of the data.
        loss: `loss(outputs, targets)`, which returns one loss a sample, (n,), or their mean, (); or
            a `Task`.
        data: inputs (n, ...) and targets (n, ...), or `Samples`.

    Returns:
        `loss`, its standard deviation `loss_sd` over the `n` samples (the standard error of a
        sample's mean is loss_sd / sqrt(n)) in the unit of the loss; the error, which of a plain
        loss function is the loss.

    Raises:
        ValueError: if there is no sample, or the loss is no mean over samples.

    >>> line = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.constant_(line.weight, 2.0)
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> evaluate(line, torch.nn.functional.mse_loss, (x, x)).loss  # (1 + 4) / 2
    2.5
    """
    with reproducible():
        return _evaluate(copied(network), samples_of(data), task_of(loss))


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

    H = d^2/dtheta^2 (1/n) sum_i l_i in all trainable parameters, without weight decay. The top
    eigenvalue, of largest magnitude, is found by Lanczos; the trace is exact on the Krylov space
    and estimated by random probes on its complement (Hutch++).

    Args:
        network: on the device of the data.
        loss: as of `evaluate`; twice differentiable where the network stands.
        data: inputs (n, ...) and targets (n, ...), or `Samples`: the batch whose loss is
            differentiated.
        max_iterations: most Lanczos steps, and most probes.
        tolerance: of the eigenvalue: its residual relative to it.
        trace_tolerance: of the trace: its standard error relative to it.
        mode: batch norm uses its running statistics (`eval`) or those of the batch (`train`).
        batch_size: samples at a time where memory is short; None takes all at once.
        seed: of the Lanczos start and of the probes.

    Returns:
        `top_eigenvalue`, with an eigenvalue of H within `top_residual`; `trace` with
        `trace_standard_error` over `trace_n` probes; whether each converged, and if not why. In
        units of the loss per squared unit of the parameters. NaN where a product is not finite.

    Raises:
        ValueError: if there is no sample or trainable parameter, or the loss is random, or is no
            mean over samples.

    Source: Lanczos 1950; Meyer et al. 2021; Yang et al. 2021, section 2.

    The Hessian of a linear regression is (2/n) X'X, here diag(1, 4):

    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 1)
    >>> regression = torch.nn.Linear(2, 1, bias=False)
    >>> found = hessian(regression, torch.nn.functional.mse_loss, (x, y))
    >>> round(found.top_eigenvalue, 4), round(found.trace, 4)
    (4.0, 5.0)
    """
    samples = samples_of(data)
    recipe = HessianRecipe(max_iterations, tolerance, trace_tolerance, mode, batch_size)
    seeds = derive_seed("start", seed), derive_seed("probes", seed)
    with reproducible():
        found = hessian_estimate(network, samples, task_of(loss), recipe, seed=seeds)
    return dataclasses.replace(found, method="Lanczos and deflated probes", samples=len(samples))


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

    phi(x) = (1/p) sum_i N(x; lambda_i, width^2) over the p eigenvalues, by stochastic Lanczos
    quadrature, smoothed by a Gaussian of one percent of the eigenvalues' range.

    Args:
        network: on the device of the data.
        loss: as of `evaluate`; twice differentiable where the network stands.
        data: inputs (n, ...) and targets (n, ...), or `Samples`.
        probes: random starts, at least 2, over which the standard error is taken.
        steps: Lanczos steps of each, one Hessian-vector product a step.
        mode: as of `hessian`.
        batch_size: as of `hessian`.
        seed: of the starts.

    Returns:
        `density` and its `standard_error` on the evenly spaced grid `eigenvalues`, 201 values each;
        the density is per unit of the eigenvalues and integrates to 1. Empty, with the `reason`,
        where a product is not finite.

    Raises:
        ValueError: as of `hessian`, and for fewer than 2 probes.

    Source: Lin, Saad and Yang 2016; Ghorbani et al. 2019.

    The Hessian of a linear regression is (2/n) X'X, here the identity:

    >>> x, y = torch.eye(2), torch.zeros(2, 1)
    >>> regression = torch.nn.Linear(2, 1, bias=False)
    >>> found = spectral_density(regression, torch.nn.functional.mse_loss, (x, y))
    >>> peak = max(range(201), key=found.density.__getitem__)
    >>> round(found.eigenvalues[peak], 2)
    1.0
    """
    if probes < 2:
        raise ValueError(f"the error needs at least 2 probes, got {probes}")
    samples = samples_of(data)
    recipe = HessianRecipe(mode=mode, batch_size=batch_size)
    start = derive_seed("density", seed)
    with reproducible():
        found = hessian_density(
            network, samples, task_of(loss), recipe, probes=probes, steps=steps, seed=start
        )
    return dataclasses.replace(found, samples=len(samples))
