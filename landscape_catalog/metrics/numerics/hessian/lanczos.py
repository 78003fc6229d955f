"""Extreme eigenvalues by the Lanczos method."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape_catalog.metrics.numerics.hessian.products import Operator
from landscape_catalog.models.float64 import float64_device, in_float64

COPIED = 4_000_000  # elements of a basis that are copied to float64 at a time
BREAKDOWN = 32  # a residual vector below this many rounding errors means an invariant space


class NotFiniteError(ArithmeticError):
    """A product with the Hessian is NaN or infinite."""


@dataclass(frozen=True)
class Krylov:
    """An orthonormal basis Q of span{v, Hv, H^2 v, ...} and the projection of H onto it.

    Attributes:
        basis: orthonormal rows, (k, size), in the operator's precision.
        projected: T = Q' H Q, (k, k), tridiagonal, float64.
        next_norm: norm of the component of H q_k outside the space; 0 if the space is invariant.
    """

    basis: Tensor
    projected: np.ndarray
    next_norm: float

    def ritz(self) -> tuple[float, float, np.ndarray]:
        """The Ritz value of largest magnitude, its residual (by the recurrence), its coefficients.

        ||H y - theta y|| = next_norm |s_k| for y = Q s, T s = theta s (Paige 1971).
        """
        values, vectors = np.linalg.eigh(self.projected)
        top = int(np.abs(values).argmax())
        return float(values[top]), self.next_norm * abs(float(vectors[-1, top])), vectors[:, top]


@dataclass(frozen=True)
class Eigenvalue:
    """An estimate such that some eigenvalue of the matrix lies within `residual` of it."""

    value: float
    residual: float
    converged: bool
    reason: str | None = None


def krylov_space(
    operator: Operator, *, at_least: int, at_most: int, tolerance: float, seed: int, index: int = 0
) -> Krylov:
    """Build the space from a random start vector until its largest Ritz value has converged.

    Each vector is orthogonalised twice against all previous ones, with sums in float64 (full
    reorthogonalisation, so that no eigenvalue appears twice). Each step takes one product. The
    process stops once at least `at_least` steps are done and the residual is within `tolerance`
    times the Ritz value's magnitude, after `at_most` steps in any case, and when the space is
    invariant or complete.

    Args:
        operator: H.
        at_least: minimum number of steps.
        at_most: maximum number of steps.
        tolerance: on the residual, relative to the Ritz value.
        seed: of the start vector.
        index: which of the seed's start vectors.

    Raises:
        NotFiniteError: if a product is not finite.

    Source: Lanczos 1950; Parlett, The Symmetric Eigenvalue Problem, chapter 13.
    """
    start = random_vector(operator, seed=seed, index=index)
    basis = start.new_empty((min(at_least + 1, operator.size), operator.size))
    basis[0] = start
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    rounding = BREAKDOWN * torch.finfo(operator.dtype).eps
    while True:
        steps = len(diagonal) + 1
        image = in_float64(apply(operator, basis[steps - 1]))
        diagonal.append(float(image @ in_float64(basis[steps - 1])))
        rest = orthogonal(image, basis[:steps])
        norm = float(rest.norm())
        if norm <= rounding * max(map(abs, diagonal + off_diagonal)) or steps == operator.size:
            norm = 0.0
        if steps >= min(at_least, at_most) or norm == 0:
            projected = np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
            space = Krylov(basis[:steps], projected, norm)
            value, residual, _ = space.ritz()
            if norm == 0 or steps >= at_most or residual <= tolerance * abs(value):
                return space
        if steps == len(basis):
            basis = torch.cat([basis, torch.empty_like(basis)])
        off_diagonal.append(norm)
        basis[steps] = (rest / norm).to(operator.dtype)


def top_eigenvalue(operator: Operator, space: Krylov, *, tolerance: float) -> Eigenvalue:
    """The eigenvalue of largest magnitude, with its sign and an error bound.

    The residual ||H y - theta y|| of the unit Ritz vector y is computed with one further product,
    so that it includes rounding errors. Some eigenvalue lies within the residual of theta. That it
    is the one of largest magnitude relies on the random start vector having a component in every
    direction. If no other eigenvalue is close, the error is about residual^2 / gap, much smaller
    than the bound.
    """
    value, _, coefficients = space.ritz()
    device = float64_device(operator.device)
    vector = combined(torch.from_numpy(coefficients).to(device), space.basis)
    vector /= vector.norm()
    image = in_float64(apply(operator, vector.to(operator.dtype).to(operator.device)))
    residual = float((image - value * vector).norm())
    if residual <= tolerance * abs(value) or residual == 0:
        return Eigenvalue(value, residual, True)
    steps = len(space.basis)
    return Eigenvalue(
        value,
        residual,
        False,
        f"after {steps} steps an eigenvalue lies within {residual:.2g}, "
        f"{residual / abs(value) if value else math.inf:.1g} of the value; {tolerance:g} was asked",
    )


def apply(operator: Operator, vector: Tensor) -> Tensor:
    """H v.

    Raises:
        NotFiniteError: if it is not finite.
    """
    image = operator(vector)
    if not bool(torch.isfinite(image).all()):
        raise NotFiniteError("a product with the Hessian is not finite")
    return image


def orthogonal(vector: Tensor, basis: Tensor) -> Tensor:
    """The component of a float64 vector orthogonal to the basis, by Gram-Schmidt applied twice."""
    for _ in range(2):
        along = torch.zeros(len(basis), dtype=vector.dtype, device=vector.device)
        for part in _parts(len(vector), len(basis)):
            along += in_float64(basis[:, part]) @ vector[part]
        vector = vector - combined(along, basis)
    return vector


def combined(coefficients: Tensor, basis: Tensor) -> Tensor:
    """sum_j coefficients_j basis_j in float64, (size,)."""
    size = basis.shape[1]
    return torch.cat(
        [coefficients @ in_float64(basis[:, part]) for part in _parts(size, len(basis))]
    )


def _parts(size: int, rows: int) -> Iterator[slice]:
    """Slices of columns such that their copy in float64 stays small."""
    step = max(COPIED // rows, 1)
    return (slice(start, start + step) for start in range(0, size, step))


def random_vector(
    operator: Operator, *, basis: Tensor | None = None, seed: int, index: int = 0
) -> Tensor:
    """A uniformly random unit vector, (size,), orthogonal to the basis if one is given.

    It is drawn on the CPU from a counter-based generator, so it is the same function of (seed,
    index) on every device.
    """
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))
    drawn = torch.from_numpy(generator.standard_normal(operator.size))
    drawn = drawn.to(float64_device(operator.device))
    rest = drawn if basis is None else orthogonal(drawn, basis)
    return (rest / rest.norm()).to(operator.dtype).to(operator.device)
