"""Hessian-vector products of a batch's loss, without forming the Hessian."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.graphs.recordable import OTHER_TASK, why_not_recorded
from landscape_catalog.graphs.recorded import RecordedWork
from landscape_catalog.models.copying import copied
from landscape_catalog.models.float64 import float64_device, in_float64
from landscape_catalog.tasks import Samples, Task, seeded

Mode = Literal["eval", "train"]
ONCE_DIFFERENTIABLE = "torch::autograd::Error"  # node that torch puts behind such a function


class Operator(Protocol):
    """A symmetric matrix that is available through matrix-vector products, which are counted."""

    size: int
    products: int
    device: torch.device
    dtype: torch.dtype

    def __call__(self, vector: Tensor) -> Tensor:
        """H v, (size,), for v in `dtype`."""
        ...


class BatchHessian:
    """The Hessian of the mean loss of one batch, with respect to chosen parameters.

    H = d^2/dtheta^2 (1/n) sum l_i, without weight decay. A product is the gradient of <g, v>, where
    g is the gradient of the loss, whose graph is kept. It costs about four forward passes, as in
    PyHessian. Processing several vectors with one graph is hardly faster on a CPU (1.2 times as
    many per second at k = 2 and 8 x 8, 0.7 times at k = 8 and 32 x 32, with
    `benchmarks/hessian_products.py`), so vectors are processed one by one. With `batch_size`, no
    graph is kept: each product passes over the batch again in parts, which takes about twice the
    time, and memory for only one part.

    Assumes that the loss is twice differentiable at the current weights and is a deterministic
    function of them: a network whose output changes between two calls is rejected.

    Args:
        network: copied, so its mode, gradients and statistics do not change.
        data: the batch.
        task: its loss.
        mode: whether batch norm uses its running statistics (`eval`) or those of the batch
            (`train`).
        batch_size: samples processed at a time; None: all at once. In train mode each part has its
            own statistics.
        names: parameters that H is with respect to; None: all trainable ones.

    Raises:
        ValueError: if the network has no such parameters, if its loss changes when computed again,
            if the loss is not the mean over the parts of the batch, if batch norm in train mode
            gets a part of one sample, or if a function is marked as differentiable only once.
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
        self.network = copied(network).train(mode == "train")
        self.task, self.data, self.products = task, data, 0
        trainable = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        chosen = list(trainable if names is None else names)
        if not chosen or set(chosen) - set(trainable):
            raise ValueError(f"no trainable parameters {chosen}")
        self.parameters = [trainable[name] for name in chosen]
        self.size = sum(parameter.numel() for parameter in self.parameters)
        self.device, self.dtype = self.parameters[0].device, self.parameters[0].dtype
        step = batch_size or len(data)
        self.parts = [data[start : start + step] for start in range(0, len(data), step)]
        self._units = self._checked_units()
        self._recorded = self._recorder()
        on_stream = self._recorded.on_stream(after_others=True) if self._recorded else nullcontext()
        with on_stream, small_network_kernels(self.device, twice=True):
            first = self._gradient_of(self.parts[0])
        if self._recorded is not None:
            self._recorded.join()  # batch norm in train mode has moved its statistics
        self._gradient = first if len(self.parts) == 1 else None
        _require_derivative(first)

    def _records(self) -> bool:
        """Whether products are repeated by a CUDA graph."""
        if self.device.type != "cuda" or len(self.parts) > 1:
            return False
        why = why_not_recorded(self.network, self.data, self.task, twice=True)
        if why and why != OTHER_TASK:
            warn_once(
                "Hessian products are computed step by step on this GPU, which is slower for small "
                f"networks, since the network cannot be recorded: {why}"
            )
        return not why

    def _recorder(self) -> RecordedWork | None:
        """On a GPU, what repeats the product; the graph of the gradient is on its stream."""
        if not self._records():
            return None
        self._vector, self._found = (
            torch.zeros(self.size, dtype=self.dtype, device=self.device) for _ in range(2)
        )

        own = weakref.ref(self)  # or the graph would live until the garbage collector comes

        def write() -> None:
            hessian = own()
            assert hessian is not None and hessian._gradient is not None
            with small_network_kernels(hessian.device, twice=True):
                directions = hessian._directions(hessian._vector)
                hessian._found.copy_(hessian._product(hessian._gradient, directions))

        recorded = RecordedWork(write, self.device)
        # Each product is joined. Waiting would break what is recorded when the collector comes.
        weakref.finalize(self, recorded.release, wait=False).atexit = False
        return recorded

    def __call__(self, vector: Tensor) -> Tensor:
        """H v in the network's precision, (size,)."""
        self.products += 1
        if self._recorded is not None:
            with self._recorded.on_stream(after_others=True):
                self._vector.copy_(vector)
            self._recorded()
            self._recorded.join()
            return self._found.clone()
        directions = self._directions(vector)
        if self._gradient is not None:
            return self._product(self._gradient, directions)
        total = torch.zeros(self.size, dtype=torch.float64, device=float64_device(self.device))
        with small_network_kernels(self.device, twice=True):
            for part in self.parts:
                total += in_float64(self._product(self._gradient_of(part), directions))
        return total.to(self.dtype).to(self.device)

    def _directions(self, vector: Tensor) -> list[Tensor]:
        """A vector as one tensor for each parameter."""
        pieces = vector.to(self.dtype).split([p.numel() for p in self.parameters])
        return [piece.view_as(p) for piece, p in zip(pieces, self.parameters)]

    def _product(self, gradient: list[Tensor], directions: list[Tensor]) -> Tensor:
        nonconstant = [(g, v) for g, v in zip(gradient, directions) if g.requires_grad]
        if not nonconstant:  # the loss is linear
            return torch.zeros(self.size, dtype=self.dtype, device=self.device)
        products = torch.autograd.grad(
            [g for g, _ in nonconstant],
            self.parameters,
            grad_outputs=[v for _, v in nonconstant],
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
        """The part's contribution to the mean loss over the batch's units, ()."""
        outputs = self.task.outputs(self.network, part, self.dtype)
        if len(self.parts) == 1:
            return self.task.loss(outputs, part)
        return self.task.losses(outputs, part).sum() / self._units

    @torch.no_grad()
    def _checked_units(self) -> int:
        """Number of units, after checking that the loss is deterministic and a mean over units."""
        has_norm = any(isinstance(module, _BatchNorm) for module in self.network.modules())
        if has_norm and self.network.training and min(map(len, self.parts)) < 2:
            raise ValueError("batch statistics of one sample: use larger parts or eval mode")
        losses = []
        for seed in (0, 1):
            with seeded(seed, self.device):
                outputs = self.task.outputs(self.network, self.data, self.dtype)
                losses.append(float(self.task.loss(outputs, self.data)))
        if not _equal(*losses):
            raise ValueError(
                f"the loss of one batch was {losses[0]:.6g} and then {losses[1]:.6g}: something in "
                "the network or the task is random, for example dropout"
            )
        units = self.task.losses(outputs, self.data)
        mean = float(in_float64(units).mean())
        if len(self.parts) > 1 and not _equal(mean, losses[0]):
            raise ValueError(
                f"the loss of the batch is {losses[0]:.6g}, but the mean over its units is "
                f"{mean:.6g}: this task's loss must be computed at once (batch_size: null)"
            )
        return len(units)


def _require_derivative(gradient: list[Tensor]) -> None:
    """Require that no function in the gradient's graph is marked as differentiable only once.

    Such a function ends the graph, so that its part of a product would be missing without a word.

    Raises:
        ValueError: if there is one.
    """
    todo: list[Any] = [part.grad_fn for part in gradient]
    seen: set[Any] = {None}
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.name() == ONCE_DIFFERENTIABLE:
            raise ValueError(
                "a function of the network or the task has no second derivative: it is marked with "
                "@once_differentiable"
            )
        todo += [following for following, _ in node.next_functions]


def _equal(one: float, other: float) -> bool:
    """Equality up to rounding; all values that are not finite are equal."""
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-7) or (
        not math.isfinite(one) and not math.isfinite(other)
    )


def layer_names(network: nn.Module) -> dict[str, list[str]]:
    """The trainable parameters of each layer, that is, of each module that directly holds some.

    >>> layer_names(nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)))
    {'0': ['0.weight', '0.bias'], '2': ['2.weight', '2.bias']}
    """
    layers: dict[str, list[str]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            layers.setdefault(name.rpartition(".")[0], []).append(name)
    return layers
