"""Activations that change side: where rounding moves a derivative by more than rounding.

The derivative of a ReLU jumps at zero. A value that is positive in float64 and negative in float32
changes the gradient by the whole share of that unit, about 1 / sqrt(units of the layer), and a few
steps of training amplify it. In float32 on a CPU against float64, ResNet18 of k = 2 and 4 (batch of
64, learning rate 2^-6, 16 runs) had 0 or 1 such values in the first step, and losses within 2e-7;
at the fifth step up to 28,000 values and losses 8e-4 apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape_catalog.tasks import Samples, Task

RELUS = (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
MOST = 1e-5  # share of the values that may change side by rounding
OF_ONE = 0.05  # change of a derivative by one value, relative; 2% in the last layers of ResNet18


class _Sides(TorchFunctionMode):
    """Keeps which inputs of ReLUs are positive."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The function's result."""
        if function in RELUS:
            self.found.append((args[0].detach() > 0).flatten().cpu())
        return function(*args, **(kwargs or {}))


@torch.no_grad()
def sides(network: nn.Module, batch: Samples, task: Task, dtype: torch.dtype) -> Tensor:
    """Which inputs of ReLUs are positive in a forward pass, (values,) of bool on the CPU."""
    with _Sides() as kept:
        task.outputs(network, batch, dtype)
    return torch.cat(kept.found) if kept.found else torch.zeros(0, dtype=torch.bool)


def changed(found: Tensor, expected: Tensor) -> int:
    """The number of values on another side."""
    return int((found != expected).sum())
