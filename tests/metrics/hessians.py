"""Tiny networks and losses whose Hessian is known, in float64."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_catalog.metrics.numerics.parameters import flatten, unflatten
from landscape_catalog.tasks import Perturbation, Samples, Task


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    ).double()


def dense_hessian(net: nn.Module, data: Samples, task: Task, *, train: bool = False) -> Tensor:
    """The Hessian by double autograd over the flat vector, without Hessian-vector products."""
    net.train(train)
    shapes = {name: value.shape for name, value in net.named_parameters()}

    def loss(vector: Tensor) -> Tensor:
        def at(*inputs: Tensor) -> Tensor:
            return functional_call(net, unflatten(vector, shapes), inputs)

        return task.loss(task.outputs(at, data, torch.float64), data)

    return torch.autograd.functional.hessian(loss, flatten(net.state_dict(), shapes))


class Bowl(Task):
    """The loss 1/2 theta' A theta of a network that outputs its weights: the Hessian is A."""

    def __init__(self, curvature: Tensor) -> None:
        self.curvature = curvature

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        return network(torch.eye(len(self.curvature), dtype=dtype)).flatten()

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        return (outputs @ self.curvature @ outputs / 2).expand(len(samples))

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        return torch.zeros(len(samples))

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        return outputs.expand(len(samples), -1)

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        return samples
