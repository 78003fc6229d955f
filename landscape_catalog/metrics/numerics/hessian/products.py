"""Products of a vector with the Hessian of a batch's loss, without the Hessian."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape_catalog.tasks import Samples, Task, seeded

Mode = Literal["eval", "train"]


class Operator(Protocol):
    """A symmetric matrix that is known by its products, each of which is counted."""

    size: int
    products: int
    device: torch.device
    dtype: torch.dtype

    def __call__(self, vector: Tensor) -> Tensor:
        """H v, (size,), for v in `dtype`."""
        ...


class BatchHessian:
    """The Hessian of the mean loss of one batch, in chosen parameters.

    H = d^2/dtheta^2 (1/n) sum l_i, without weight decay. A product is the gradient of <g, v>, g the
    gradient of the loss, whose graph is kept: some four forward passes, the same as PyHessian's.
    Several vectors at a time through one graph are no faster on a CPU (1.2 times as many a second
    at k = 2 and 8 x 8, 0.8 times at k = 8 and 32 x 32: `benchmarks/hessian.py`), so one goes at a
    time. With `batch_size` no graph is kept: each product goes over the batch again in parts,
    which takes about twice the time and memory for one part alone.

    Assumes that the loss is twice differentiable where the network stands, and that its value is a
    function of the weights: a network that answers differently when asked again is refused.

    Args:
        network: copied, so that neither its mode, nor its gradients, nor its statistics change.
        data: the batch.
        task: its loss.
        mode: `eval`, batch norm by its running statistics; `train`, by those of the batch.
        batch_size: samples at a time; None takes all at once. In train mode each part has its own
            statistics.
        names: parameters that vary; None takes every trainable one.

    Raises:
        ValueError: if the network has no such parameters, if its loss is not the same when
            computed again, if parts of the batch do not make up its loss, or if batch norm in
            train mode gets a part of one sample.
    """

    def __init__(
        self,
        network: nn.Module,
        data: Samples,
        task: Task,
        *,
        mode: Mode = "eval",
        batch_size: int | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.network = copy.deepcopy(network).train(mode == "train")
        self.task, self.data, self.products = task, data, 0
        every = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        chosen = list(every if names is None else names)
        if not chosen or set(chosen) - set(every):
            raise ValueError(f"no trainable parameters {chosen}")
        self.parameters = [every[name] for name in chosen]
        self.size = sum(parameter.numel() for parameter in self.parameters)
        self.device, self.dtype = self.parameters[0].device, self.parameters[0].dtype
        step = batch_size or len(data)
        self.parts = [data[start : start + step] for start in range(0, len(data), step)]
        self._units = self._checked_units()
        self._gradient = self._gradient_of(data) if len(self.parts) == 1 else None

    def __call__(self, vector: Tensor) -> Tensor:
        """H v in the precision of the network, (size,)."""
        self.products += 1
        pieces = vector.to(self.dtype).split([p.numel() for p in self.parameters])
        directions = [piece.view_as(p) for piece, p in zip(pieces, self.parameters)]
        if self._gradient is not None:
            return self._product(self._gradient, directions)
        total = torch.zeros(self.size, dtype=torch.float64, device=self.device)
        for part in self.parts:
            total += self._product(self._gradient_of(part), directions)
        return total.to(self.dtype)

    def _product(self, gradient: list[Tensor], directions: list[Tensor]) -> Tensor:
        curved = [(g, v) for g, v in zip(gradient, directions) if g.requires_grad]
        if not curved:  # the loss is linear
            return torch.zeros(self.size, dtype=self.dtype, device=self.device)
        products = torch.autograd.grad(
            [g for g, _ in curved],
            self.parameters,
            grad_outputs=[v for _, v in curved],
            retain_graph=True,
            materialize_grads=True,
        )
        return torch.cat([product.reshape(-1) for product in products])

    def _gradient_of(self, part: Samples) -> list[Tensor]:
        loss = self._loss(part)
        return list(
            torch.autograd.grad(loss, self.parameters, create_graph=True, materialize_grads=True)
        )

    def _loss(self, part: Samples) -> Tensor:
        """The part's share of the mean loss over the batch's units, ()."""
        outputs = self.task.outputs(self.network, part, self.dtype)
        if len(self.parts) == 1:
            return self.task.loss(outputs, part)
        return self.task.losses(outputs, part).sum() / self._units

    @torch.no_grad()
    def _checked_units(self) -> int:
        """Units of the loss, once it is sure that the loss is a function and a mean over parts."""
        has_norm = any(isinstance(module, _BatchNorm) for module in self.network.modules())
        if has_norm and self.network.training and min(map(len, self.parts)) < 2:
            raise ValueError("batch statistics of one sample: take larger parts, or eval mode")
        losses = []
        for seed in (0, 1):
            with seeded(seed, self.device):
                outputs = self.task.outputs(self.network, self.data, self.dtype)
                losses.append(float(self.task.loss(outputs, self.data)))
        if not _equal(*losses):
            raise ValueError(
                f"the loss of one batch came out as {losses[0]:.6g} and then as {losses[1]:.6g}: "
                "something in the network or the task is random, dropout for example"
            )
        units = self.task.losses(outputs, self.data)
        mean = float(units.double().mean())
        if len(self.parts) > 1 and not _equal(mean, losses[0]):
            raise ValueError(
                f"the loss of the batch is {losses[0]:.6g}, the mean over its units {mean:.6g}: "
                "this task's loss has to be taken at once (batch_size: null)"
            )
        return len(units)


def _equal(one: float, other: float) -> bool:
    """To rounding; NaN equals NaN."""
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-7) or (
        not math.isfinite(one) and not math.isfinite(other)
    )


def layer_names(network: nn.Module) -> dict[str, list[str]]:
    """The trainable parameters of each layer: of each module that holds some itself.

    >>> layer_names(nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)))
    {'0': ['0.weight', '0.bias'], '2': ['2.weight', '2.bias']}
    """
    layers: dict[str, list[str]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            layers.setdefault(name.rpartition(".")[0], []).append(name)
    return layers
