"""Top eigenvalue and trace of the Hessian by PyHessian, the tool of the paper."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from pyhessian import hessian as PyHessian
from torch import Tensor, nn

from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.hessian.spec import estimator_name
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task

SUPPORTED = ("cpu", "cuda")  # kinds of device


def pyhessian_estimate(
    network: nn.Module,
    data: Samples,
    task: Task,
    *,
    max_iterations: int = 100,
    tolerance: float = 1e-3,
    seed: int,
) -> HessianEstimate:
    """Top eigenvalue (power iteration) and trace (Hutchinson) of the Hessian of the mean loss.

    H is the second derivative of (1/n) sum l_i with respect to all trainable parameters, including
    batch norm and biases, in eval mode, without weight decay. PyHessian keeps the whole graph of
    the gradient, so memory grows with the batch.

    The loss is assumed to be twice differentiable at the current weights. PyHessian's stopping rule
    for the trace compares successive running means, which leaves errors of several percent, and
    stops immediately if a running mean is negative; `trace_sd` and `trace_n` give the error. It
    knows only the CPU and CUDA, so a network on another device is copied to the CPU.

    Args:
        network: left in eval mode, without gradients; its weights are not modified.
        data: the batch.
        task: its loss.
        max_iterations: maximum number of power iterations, and of probes.
        tolerance: relative change at which PyHessian stops.
        seed: of the start vector and the probes; the global random state is restored.

    Source: Yao et al. 2020 (PyHessian); Yang et al. 2021, section 2.
    """
    if data.inputs.device.type not in SUPPORTED:
        network, data = copied(network.eval()).cpu(), data.to("cpu")
    device = data.inputs.device
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        torch.manual_seed(seed)
        # PyHessian keeps the graph of the gradient on purpose; it is released below.
        warnings.filterwarnings("ignore", message=".*create_graph=True.*")
        network.zero_grad(set_to_none=True)
        computation = PyHessian(
            _BatchLoss(network, data, task).eval(),
            lambda loss, _: loss,
            data=(data.inputs, data.targets),
            cuda=device.type == "cuda",
        )
        counter = _ProductCounter(computation.gradsH[0])
        values, vectors = computation.eigenvalues(maxIter=max_iterations, tol=tolerance, top_n=1)
        top_products = counter.count
        probes = np.array(computation.trace(maxIter=max_iterations, tol=tolerance))
        residual = _residual(computation, values[0], vectors[0])
        del computation
        network.zero_grad(set_to_none=True)
    spread = float(probes.std(ddof=1)) if len(probes) > 1 else math.nan
    top_converged = top_products < max_iterations and math.isfinite(values[0])
    trace_converged = _trace_converged(probes, max_iterations)
    return HessianEstimate(
        top_eigenvalue=float(values[0]),
        top_residual=residual,
        top_products=top_products,
        top_converged=top_converged,
        trace=float(probes.mean()),
        trace_sd=spread,
        trace_n=len(probes),
        trace_converged=trace_converged,
        products=top_products + 1 + len(probes),
        top_reason=None if top_converged else _reason(float(values[0]), max_iterations),
        trace_reason=None if trace_converged else _reason(float(probes.mean()), max_iterations),
        method=estimator_name("pyhessian"),
        samples=len(data),
        trace_probes=probes.tolist(),
    )


def _reason(value: float, max_iterations: int) -> str:
    if not math.isfinite(value):
        return "a product with the Hessian is not finite"
    return f"PyHessian did not meet its own stopping rule within {max_iterations} products"


class _BatchLoss(nn.Module):
    """The loss of one batch as a network's output: PyHessian supports only (inputs, labels)."""

    def __init__(self, network: nn.Module, data: Samples, task: Task) -> None:
        super().__init__()
        self.network, self.data, self.task = network, data, task

    def forward(self, _: Tensor) -> Tensor:
        """The mean loss, (); the inputs that PyHessian passes are those of the batch."""
        dtype = next(self.network.parameters()).dtype
        outputs = self.task.outputs(self.network, self.data, dtype)
        # PyHessian needs a second derivative with respect to every parameter. This makes it zero
        # for parameters that the loss does not depend on, or only linearly.
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        zero = sum(0 * parameter.square().sum() for parameter in parameters)
        return self.task.loss(outputs, self.data) + zero


class _ProductCounter:
    """Counts Hessian-vector products: each one backpropagates through the gradient's graph."""

    def __init__(self, gradient: Tensor) -> None:
        self.count = 0
        gradient.register_hook(self._on_product)

    def _on_product(self, _: Tensor) -> None:
        self.count += 1


def _trace_converged(probes: np.ndarray, max_iterations: int) -> bool:
    """Whether PyHessian stopped because running means agreed, not because one was negative."""
    stopped = 1 < len(probes) < max_iterations
    return stopped and bool(np.isfinite(probes).all()) and float(probes[:-1].mean()) > 0


def _residual(computation: Any, value: float, vector: list[Tensor]) -> float:
    """||H v - lambda v|| / ||v|| with one more product, summed in float64."""
    product = torch.autograd.grad(
        computation.gradsH, computation.params, grad_outputs=vector, retain_graph=True
    )
    total = sum(
        float(((h.double() - value * v.double()) ** 2).sum()) for h, v in zip(product, vector)
    )
    norm = sum(float((v.double() ** 2).sum()) for v in vector)
    return math.sqrt(total / norm) if norm > 0 else math.nan
