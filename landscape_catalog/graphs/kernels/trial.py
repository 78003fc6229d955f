"""Whether kernels in Triton can be compiled and launched here, which is tried once in a process.

Triton comes with torch on Linux, but at the first launch it compiles a module in C against the
driver's and Python's headers. Images with a GPU often have neither a C compiler nor Python.h.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

import torch
from torch.nn import functional as F

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs.notices import reason, warn_once

WITHOUT = "without Triton's kernels"  # what the provenance adds to the name of a GPU
TOLERANCE = 1e-4  # of the trial's results relative to those of torch


def triton_batch_norm(device: torch.device) -> ModuleType | None:
    """The module of batch norm in Triton, or None with a warning if it fails a trial on `device`.

    The trial is a forward and a backward pass of a few values, compared with torch's. It waits for
    its result, so that it must not be the first time that a CUDA graph is recorded. Its answer
    holds for the process.

    Args:
        device: where batch norm would compute.

    Raises:
        Exception: if memory lacks; it is tried again the next time.
    """
    if device.type == "cuda" and device.index is None and torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
    return _tried(device)


@cache
def _tried(device: torch.device) -> ModuleType | None:
    try:
        from landscape_catalog.graphs.kernels import batchnorm

        _try(batchnorm, device)
    except Exception as error:  # of the import, the compiler, the driver or the kernels
        if is_out_of_memory(error):
            raise
        warn_once(
            "kernels in Triton cannot be used here, so that batch norm is torch's: slower for "
            f"small networks on a GPU, and with other rounding ({reason(error)})"
        )
        return None
    return batchnorm


def _try(module: ModuleType, device: torch.device) -> None:
    """Compute a small batch norm and its gradients.

    Raises:
        Exception: whatever is raised on the way, or if a result differs from torch's.
    """
    numbers = torch.arange(16 * 2 * 16 * 16, dtype=torch.float32, device=device)
    values, gradient = (part.view(16, 2, 16, 16) for part in (numbers.sin(), numbers.cos() + 0.5))
    weight, bias = torch.tensor([[0.5, 2.0], [1.0, -1.0]], device=device)
    found = []
    with torch.enable_grad(), torch.autocast(device.type, enabled=False):
        for ours in (True, False):
            leaves = [tensor.detach().clone().requires_grad_() for tensor in (values, weight, bias)]
            running = [torch.zeros(2, device=device), torch.ones(2, device=device)]
            if ours:
                result = module.batch_norm(*leaves, *running, momentum=0.1, epsilon=1e-5)
            else:
                (inputs, w, b), (mean, variance) = leaves, running
                result = F.batch_norm(inputs, mean, variance, w, b, True, 0.1, 1e-5)
            gradients = torch.autograd.grad(result, leaves, gradient)
            found.append([result.detach(), *running, *gradients])
    for one, other in zip(*found):
        if not float((one - other).norm()) <= TOLERANCE * float(other.norm()):
            raise ArithmeticError("a trial on a few values gave wrong results")
