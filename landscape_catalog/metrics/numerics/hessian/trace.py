"""The trace of a matrix that is available only through matrix-vector products."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from landscape_catalog.metrics.numerics.hessian.lanczos import Krylov, apply, random_vector
from landscape_catalog.metrics.numerics.hessian.products import Operator
from landscape_catalog.models.float64 import in_float64

FIRST_PROBES = 10


@dataclass(frozen=True)
class Trace:
    """A trace estimated from `n` probes with standard deviation `sd`; exact if n = 0.

    `converged` says whether the standard error met the tolerance, and `reason` why not. `probes`
    are the single-probe estimates.
    """

    value: float
    sd: float
    n: int
    converged: bool
    reason: str | None = None
    probes: tuple[float, ...] = ()

    @property
    def standard_error(self) -> float:
        """sd / sqrt(n)."""
        return standard_error(self.sd, self.n)

    @property
    def half_width(self) -> float:
        """Half-width of the 95% interval."""
        return half_width(self.sd, self.n)


def standard_error(sd: float, n: int) -> float:
    """Standard error of the mean of n probes; 0 if none were needed, NaN for one."""
    return sd / math.sqrt(n) if n else 0.0


def half_width(sd: float, n: int) -> float:
    """Half-width of the 95% interval of the mean: Student's t with (n - 1) / 2 degrees of freedom.

    These are half as many as for normal probes, because quadratic forms have heavier tails if few
    directions dominate. docs/metrics.md gives the coverage in simulations.
    """
    return (
        float(stdtrit((n - 1) / 2, 0.975)) * standard_error(sd, n)
        if n > 1
        else (0.0 if n == 0 else math.nan)
    )


def deflated_trace(
    operator: Operator, space: Krylov, *, tolerance: float, at_most: int, seed: int
) -> Trace:
    """tr H: exact on the Krylov space, with random probes of its complement (Hutch++).

    tr H = tr(Q' H Q) + tr(P H P), P = I - Q Q'. The first term is the trace of the Krylov space's T
    and costs nothing extra. A probe of the second term is d z' H z for z uniform on the unit sphere
    of the complement, of dimension d. Probes are independent and unbiased, so the standard error of
    their mean is s / sqrt(m). The first ten determine how many are needed for a standard error of
    `tolerance` times the trace.

    With uniform directions, the distribution of the error depends only on the eigenvalues, not on
    the eigenvectors.

    Args:
        operator: H.
        space: its Krylov space from a start vector that is independent of `seed`.
        tolerance: on the standard error, relative to the trace.
        at_most: maximum number of probes.
        seed: of the probes.

    Raises:
        NotFiniteError: if a product is not finite.

    Source: Meyer et al. 2021 (Hutch++), with a Krylov space instead of the sketch as in Chen and
    Hallman 2022; the space is a by-product of the top eigenvalue.
    """
    exact = float(np.trace(space.projected))
    dimension = operator.size - len(space.basis)
    if dimension == 0:
        return Trace(exact, 0.0, 0, True)
    probes: list[float] = []
    target = min(FIRST_PROBES, at_most)
    while len(probes) < target:
        for index in range(len(probes), target):
            probe = random_vector(operator, basis=space.basis, seed=seed, index=index)
            image = in_float64(apply(operator, probe))
            probes.append(dimension * float(image @ in_float64(probe)))
        value, spread = exact + float(np.mean(probes)), float(np.std(probes, ddof=1))
        count = len(probes)
        if spread > tolerance * abs(value) * math.sqrt(count):
            needed = (spread / (tolerance * abs(value))) ** 2 if value else math.inf
            target = math.ceil(min(max(needed, count + 1), at_most))
    error, values = standard_error(spread, count), tuple(exact + probe for probe in probes)
    if count >= FIRST_PROBES and error <= tolerance * abs(value):
        return Trace(value, spread, count, True, probes=values)
    if count < FIRST_PROBES:
        reason = f"{count} probes were allowed; {FIRST_PROBES} are needed to know their spread"
        return Trace(value, spread, count, False, reason, values)
    reason = (
        f"{count} probes leave a standard error of {error:.2g}, "
        f"{error / abs(value) if value else math.inf:.1%} of the value; {tolerance:.1%} was asked"
    )
    return Trace(value, spread, count, False, reason, values)
