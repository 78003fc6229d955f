"""Spectral density of a matrix that is available only through matrix-vector products."""

from __future__ import annotations

import math

import numpy as np

from landscape_catalog.metrics.density.spec import SpectralDensity
from landscape_catalog.metrics.numerics.hessian.lanczos import krylov_space
from landscape_catalog.metrics.numerics.hessian.products import Operator

GRID = 201
WIDTH = 0.01  # of the Gaussians, relative to the range of the nodes


def spectral_density(operator: Operator, *, probes: int, steps: int, seed: int) -> SpectralDensity:
    """Stochastic Lanczos quadrature: phi(x) = (1/n) sum_i N(x; lambda_i, width^2), estimated.

    For each random start vector v, Lanczos gives nodes theta_j and weights s_1j^2, a quadrature
    rule for sum_i (v' u_i)^2 delta(lambda_i), whose mean over uniform v is the density. It is
    smoothed by a Gaussian with a width of 1% of the nodes' range. The standard error is over
    independent start vectors. It includes neither the smoothing bias nor the quadrature error,
    which decreases exponentially with `steps`.

    Args:
        operator: H.
        probes: number of random start vectors, at least 2.
        steps: Lanczos steps per start vector, with one product per step.
        seed: of the start vectors.

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
