"""A physics-informed network for convection: u_t + beta u_x = 0 on a periodic strip.

u(x, 0) = sin x and u(0, t) = u(2 pi, t), so u(x, t) = sin(x - beta t). The larger the convection
coefficient beta, the harder the loss landscape (Krishnapriyan et al. 2021): beta is a load-like
parameter, `load.extra.beta`. So is the depth of the network, `load.extra.depth`.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jvp

from landscape_catalog.tasks import Perturbation, Samples, Task, perturbed_inputs

LENGTH = 2 * math.pi


def points(beta: float = 1.0, count: int = 1024) -> dict[str, np.ndarray]:
    """Collocation points (x, t) in [0, 2 pi] x [0, 1] with the exact solution there."""
    generator = np.random.Generator(np.random.Philox(key=0))
    places = generator.random((count, 2)) * [LENGTH, 1.0]
    return {"inputs": places, "targets": np.sin(places[:, 0] - beta * places[:, 1])}


points.version = "1"  # it reads no file, so it says which data these are


def network(width: int, input_shape: tuple[int, ...], n_outputs: int, depth: int = 3) -> nn.Module:
    """A multilayer perceptron (x, t) -> u with `depth` hidden layers of `width` units."""
    sizes = [input_shape[0], *[width] * depth]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, 1))


class Convection(Task):
    """Squared residual of the equation plus those of the initial and boundary condition."""

    error_unit = "% of the amplitude"
    loss_unit = "squared residual"
    connectivity_by = "loss"

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        """u, u_t + beta u_x, u(x, 0) - sin x and u(0, t) - u(2 pi, t), (samples, 4)."""
        here = samples.inputs.to(dtype)
        x, t = here.unbind(1)
        along = torch.tensor([self.beta, 1.0], dtype=dtype, device=here.device).expand_as(here)
        u, residual = jvp(lambda place: network(place).squeeze(1), (here,), (along,))
        nil, end = torch.zeros_like(x), torch.full_like(x, LENGTH)
        at = [torch.stack(place, 1) for place in ((x, nil), (nil, t), (end, t))]
        start, left, right = (network(place).squeeze(1) for place in at)
        return torch.stack([u, residual, start - torch.sin(x), left - right], 1)

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """Sum of the three squared residuals at each point."""
        return outputs[:, 1:].square().sum(1)

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """Distance to the exact solution, in units of its amplitude."""
        return (outputs[:, 0] - samples.targets).abs()

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The solution itself."""
        return outputs[:, :1]

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Points between two collocation points."""
        return perturbed_inputs(samples, perturbation, seed=seed)
