"""A Bezier curve between two networks: its control points, and the weights at any t."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape_catalog.metrics.numerics.parameters import unflatten


@dataclass(frozen=True)
class Curve:
    """Control points in order, (control points, n_parameters), and the shapes of the parameters."""

    controls: Tensor
    shapes: dict[str, torch.Size]

    def at(self, t: float) -> dict[str, Tensor]:
        """The weights gamma(t) by name."""
        return unflatten(combine(self.controls, coefficients(t, len(self.controls))), self.shapes)


def coefficients(t: float, control_points: int = 3) -> tuple[float, ...]:
    """Bernstein weights of the control points at t: binom(k, j) (1-t)^(k-j) t^j for j = 0..k.

    >>> coefficients(0.5)
    (0.25, 0.5, 0.25)
    >>> coefficients(0.5, 4)
    (0.125, 0.375, 0.375, 0.125)
    """
    k = control_points - 1
    return tuple(math.comb(k, j) * (1 - t) ** (k - j) * t**j for j in range(k + 1))


def combine(controls: Tensor, weights: tuple[float, ...]) -> Tensor:
    """sum_j weights_j controls_j, (n_parameters,).

    Zero-weight control points are skipped, so a NaN there cannot propagate to the endpoints.
    """
    terms = [weight * control for weight, control in zip(weights, controls) if weight != 0]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
