"""The trace of a matrix that is known by its products."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from landscape_catalog.metrics.numerics.hessian.lanczos import Krylov, apply, random_vector
from landscape_catalog.metrics.numerics.hessian.products import Operator

FIRST_PROBES = 10


@dataclass(frozen=True)
class Trace:
    """A trace from `n` probes of spread `sd`; with none it is exact.

    `converged` says whether the standard error met what was asked, `reason` why not.
    """

    value: float
    sd: float
    n: int
    converged: bool
    reason: str | None = None

    @property
    def standard_error(self) -> float:
        """sd / sqrt(n)."""
        return standard_error(self.sd, self.n)

    @property
    def half_width(self) -> float:
        """Of the 95% interval."""
        return half_width(self.sd, self.n)


def standard_error(sd: float, n: int) -> float:
    """Of the mean of n probes of spread sd; 0 where none was needed, NaN for one."""
    return sd / math.sqrt(n) if n else 0.0


def half_width(sd: float, n: int) -> float:
    """Half of the 95% interval of the mean of n probes: t with (n - 1) / 2 degrees of freedom.

    Half as many as for normal probes: quadratic forms have heavier tails where few directions
    dominate. How often the interval covers the truth, by simulation: docs/metrics.md.
    """
    return (
        float(stdtrit((n - 1) / 2, 0.975)) * standard_error(sd, n)
        if n > 1
        else (0.0 if n == 0 else math.nan)
    )


def deflated_trace(
    operator: Operator, space: Krylov, *, tolerance: float, at_most: int, seed: int
) -> Trace:
    """tr H, its part in a known subspace exactly, the rest from random probes (Hutch++).

    tr H = tr(Q' H Q) + tr(P H P), P = I - Q Q'. The first part is the trace of the Krylov space's T
    and costs nothing more; a probe of the second is d z' H z for z uniform on the unit sphere of
    the complement, of dimension d. Probes are independent and each has the right mean, so the
    standard error of their mean is s / sqrt(m). Ten come first; they say how many are needed for a
    standard error of `tolerance` times the trace.

    Uniform directions make the error's distribution a function of the eigenvalues alone, whatever
    the eigenvectors.

    Args:
        operator: H.
        space: its Krylov space from a start that is independent of `seed`.
        tolerance: of the standard error, relative to the trace.
        at_most: probes.
        seed: of the probes.

    Raises:
        NotFiniteError: if a product is not finite.

    Source: Meyer et al. 2021 (Hutch++) with a Krylov space in the place of the sketch, as in Chen
    and Hallman 2022; that space is left over from the top eigenvalue.
    """
    known = float(np.trace(space.projected))
    dimension = operator.size - len(space.basis)
    if dimension == 0:
        return Trace(known, 0.0, 0, True)
    probes: list[float] = []
    wanted = min(FIRST_PROBES, at_most)
    while len(probes) < wanted:
        for index in range(len(probes), wanted):
            probe = random_vector(operator, basis=space.basis, seed=seed, index=index)
            image = apply(operator, probe).double()
            probes.append(dimension * float(image @ probe.double()))
        value, spread = known + float(np.mean(probes)), float(np.std(probes, ddof=1))
        count = len(probes)
        if spread > tolerance * abs(value) * math.sqrt(count):
            needed = (spread / (tolerance * abs(value))) ** 2 if value else math.inf
            wanted = math.ceil(min(max(needed, count + 1), at_most))
    error = standard_error(spread, count)
    if count >= FIRST_PROBES and error <= tolerance * abs(value):
        return Trace(value, spread, count, True)
    if count < FIRST_PROBES:
        reason = f"{count} probes were allowed; {FIRST_PROBES} are needed to know their spread"
        return Trace(value, spread, count, False, reason)
    reason = (
        f"{count} probes leave a standard error of {error:.2g}, "
        f"{error / abs(value) if value else math.inf:.1%} of the value; {tolerance:.1%} was asked"
    )
    return Trace(value, spread, count, False, reason)
