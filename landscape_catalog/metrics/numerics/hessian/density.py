"""Spectral density of a matrix that is known by its products."""

from __future__ import annotations

import math

import numpy as np

from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.numerics.hessian.lanczos import krylov_space
from landscape_catalog.metrics.numerics.hessian.products import Operator

GRID = 201
WIDTH = 0.01  # of the Gaussians, as a share of the range


def spectral_density(operator: Operator, *, probes: int, steps: int, seed: int) -> SpectralDensity:
    """Stochastic Lanczos quadrature: phi(x) = (1/n) sum_i N(x; lambda_i, width^2), estimated.

    From each random start v, Lanczos gives nodes theta_j and weights s_1j^2, the quadrature of
    sum_i (v' u_i)^2 delta(lambda_i), whose mean over uniform v is the density. It is smoothed by a
    Gaussian of one percent of the nodes' range. The error is over independent starts: it tells
    neither what smoothing hides nor the quadrature's own error, which falls exponentially with
    `steps`.

    Args:
        operator: H.
        probes: random starts, at least 2.
        steps: Lanczos steps of each, one product a step.
        seed: of the starts.

    Raises:
        NotFiniteError: if a product is not finite.

    Source: Lin, Saad and Yang 2016; Ghorbani et al. 2019.
    """
    nodes, weights = [], []
    for probe in range(probes):
        space = krylov_space(
            operator, at_least=steps, at_most=steps, tolerance=0.0, seed=seed, index=probe
        )
        values, vectors = np.linalg.eigh(space.projected)
        nodes.append(values)
        weights.append(vectors[0] ** 2)
    low, high = (f(every) for f, every in ((min, map(min, nodes)), (max, map(max, nodes))))
    span = float(high - low) or max(abs(float(high)), 1.0)
    width = WIDTH * span
    grid = np.linspace(low - 4 * width, high + 4 * width, GRID)
    each = np.stack(
        [
            (w * np.exp(-(((grid[:, None] - x) / width) ** 2) / 2)).sum(axis=1)
            / (width * math.sqrt(2 * math.pi))
            for x, w in zip(nodes, weights)
        ]
    )
    error = each.std(axis=0, ddof=1) / math.sqrt(probes)
    mean = each.mean(axis=0)
    return SpectralDensity(grid.tolist(), mean.tolist(), error.tolist(), width, probes, steps)
