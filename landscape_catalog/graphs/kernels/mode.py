"""A context in which convolutions and batch norms on CUDA are computed by the kernels beside this.

Networks need no change: the context intercepts calls of torch's functions. Whatever the kernels do
not cover (dilation, groups, no images, other dtypes or devices) is left to torch, and so is batch
norm where kernels in Triton cannot be compiled (`kernels.trial`): the bits of such a machine differ
from those of one that can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape_catalog.graphs.kernels.convolution import convolution
from landscape_catalog.graphs.kernels.trial import triton_batch_norm

MOST_CHANNELS = 32  # of a convolution's input, up to which its own gradients are faster
DEVICES = ("cuda",)


def small_network_kernels(
    device: torch.device, *, twice: bool = False
) -> AbstractContextManager[object]:
    """Use the kernels for small networks, if `device` is a CUDA device.

    Args:
        device: of the network.
        twice: whether second derivatives will be taken, which batch norm here does not have.
    """
    if device.type != "cuda":
        return nullcontext()
    return _Kernels(None if twice else triton_batch_norm(device))


class _Kernels(TorchFunctionMode):
    """Intercepts convolutions and batch norms.

    Args:
        batch_norm: the module of the kernels for batch norm; None: it is torch's.
    """

    def __init__(self, batch_norm: ModuleType | None) -> None:
        super().__init__()
        self.batch_norm = batch_norm

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The function's result, or that of a kernel in its place."""
        given = dict(kwargs or {})
        if function is torch.conv2d and not given and (found := _convolved(*args)) is not None:
            return found
        if function is F.batch_norm and self.batch_norm is not None:
            found = _normalised(self.batch_norm, *args, **given)
            if found is not None:
                return found
        return function(*args, **given)


def _convolved(
    inputs: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor | None:  # fmt: skip
    """`torch.conv2d`, or None if it is not for these kernels."""
    if isinstance(padding, str) or groups != 1 or _both(dilation) != (1, 1) or inputs.ndim != 4:
        return None
    if inputs.device.type not in DEVICES or inputs.shape[1] > MOST_CHANNELS or not len(inputs):
        return None
    found = convolution(inputs, weight, stride=_both(stride), padding=_both(padding))
    return found if bias is None else found + bias.view(1, -1, 1, 1)


def _normalised(
    kernels: ModuleType, inputs: Tensor, running_mean: Tensor | None,
    running_var: Tensor | None, weight: Tensor | None = None, bias: Tensor | None = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor | None:  # fmt: skip
    """`F.batch_norm`, or None if it is not for these kernels."""
    if inputs.device.type not in DEVICES or not training or not kernels.covers(inputs):
        return None
    if running_mean is None or running_var is None or weight is None or bias is None:
        return None
    found: Tensor = kernels.batch_norm(
        inputs, weight, bias, running_mean, running_var, momentum=momentum, epsilon=eps
    )
    return found


def _both(option: Any) -> tuple[int, int]:
    return (option, option) if isinstance(option, int) else (int(option[0]), int(option[-1]))
