"""Extreme eigenvalues by the Lanczos process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape_catalog.metrics.numerics.hessian.products import Operator

COPIED = 4_000_000  # numbers of a basis that are in float64 at a time
BREAKDOWN = 32  # a next vector this many roundings short is none: the space is invariant


class NotFiniteError(ArithmeticError):
    """A product with the Hessian is NaN or infinite."""


@dataclass(frozen=True)
class Krylov:
    """An orthonormal basis Q of span{v, Hv, H^2 v, ...} and the matrix in it.

    Attributes:
        basis: orthonormal rows, (k, size), in the operator's precision.
        projected: T = Q' H Q, (k, k), tridiagonal, float64.
        next_norm: length of the part of H q_k outside the space; 0 where the space is invariant.
    """

    basis: Tensor
    projected: np.ndarray
    next_norm: float

    def ritz(self) -> tuple[float, float, np.ndarray]:
        """The Ritz value of largest magnitude, its residual by the recurrence, its coefficients.

        ||H y - theta y|| = next_norm |s_k| for y = Q s, T s = theta s (Paige 1971).
        """
        values, vectors = np.linalg.eigh(self.projected)
        at = int(np.abs(values).argmax())
        return float(values[at]), self.next_norm * abs(float(vectors[-1, at])), vectors[:, at]


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue's estimate; an eigenvalue of the matrix lies within `residual` of it."""

    value: float
    residual: float
    converged: bool
    reason: str | None = None


def krylov_space(
    operator: Operator, *, at_least: int, at_most: int, tolerance: float, seed: int, index: int = 0
) -> Krylov:
    """Build the space from a random start until its largest Ritz value is known well enough.

    Each vector is made orthogonal to all before it, twice, with sums in float64 (full
    reorthogonalisation: no eigenvalue appears twice). One product a step. It stops after
    `at_least` steps where the residual is within `tolerance` of the Ritz value's magnitude, after
    `at_most` in any case, and where the space is invariant or the whole.

    Args:
        operator: H.
        at_least: steps.
        at_most: steps.
        tolerance: relative.
        seed: of the start.
        index: which of the starts of that seed.

    Raises:
        NotFiniteError: if a product is not finite.

    Source: Lanczos 1950; Parlett, The Symmetric Eigenvalue Problem, chapter 13.
    """
    start = random_vector(operator, seed=seed, index=index)
    basis = start.new_empty((min(at_least + 1, operator.size), operator.size))
    basis[0] = start
    diagonal: list[float] = []
    beside: list[float] = []
    rounding = BREAKDOWN * torch.finfo(operator.dtype).eps
    while True:
        steps = len(diagonal) + 1
        image = apply(operator, basis[steps - 1]).double()
        diagonal.append(float(image @ basis[steps - 1].double()))
        rest = orthogonal(image, basis[:steps])
        length = float(rest.norm())
        if length <= rounding * max(map(abs, diagonal + beside)) or steps == operator.size:
            length = 0.0
        if steps >= min(at_least, at_most) or length == 0:
            projected = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
            space = Krylov(basis[:steps], projected, length)
            value, residual, _ = space.ritz()
            if length == 0 or steps >= at_most or residual <= tolerance * abs(value):
                return space
        if steps == len(basis):
            basis = torch.cat([basis, torch.empty_like(basis)])
        beside.append(length)
        basis[steps] = (rest / length).to(operator.dtype)


def top_eigenvalue(operator: Operator, space: Krylov, *, tolerance: float) -> Eigenvalue:
    """The eigenvalue of largest magnitude, with its sign, and how far it can be off.

    The residual ||H y - theta y|| of the unit Ritz vector y is measured by one product more, so
    that rounding counts. Some eigenvalue lies within it; that it is the one of largest magnitude
    rests on the random start, which has a part in every direction. Where no other eigenvalue is
    near, the error is about residual^2 / gap, much less.
    """
    value, _, coefficients = space.ritz()
    vector = combined(torch.from_numpy(coefficients).to(operator.device), space.basis)
    vector /= vector.norm()
    image = apply(operator, vector.to(operator.dtype)).double()
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
    """The part of a float64 vector that is orthogonal to the basis: Gram and Schmidt, twice."""
    for _ in range(2):
        along = torch.zeros(len(basis), dtype=vector.dtype, device=vector.device)
        for part in _parts(len(vector), len(basis)):
            along += basis[:, part].double() @ vector[part]
        vector = vector - combined(along, basis)
    return vector


def combined(coefficients: Tensor, basis: Tensor) -> Tensor:
    """sum_j coefficients_j basis_j in float64, (size,)."""
    size = basis.shape[1]
    return torch.cat([coefficients @ basis[:, part].double() for part in _parts(size, len(basis))])


def _parts(size: int, rows: int) -> Iterator[slice]:
    """Columns at a time, so that a copy in float64 stays small."""
    step = max(COPIED // rows, 1)
    return (slice(start, start + step) for start in range(0, size, step))


def random_vector(
    operator: Operator, *, basis: Tensor | None = None, seed: int, index: int = 0
) -> Tensor:
    """A uniformly random unit vector, (size,), orthogonal to the basis if there is one.

    Drawn on the CPU from a counter-based generator, a function of (seed, index) on every device.
    """
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))
    drawn = torch.from_numpy(generator.standard_normal(operator.size)).to(operator.device)
    rest = drawn if basis is None else orthogonal(drawn, basis)
    return (rest / rest.norm()).to(operator.dtype)
