"""Activations that change side: where rounding moves a derivative by more than rounding.

The derivative of a ReLU jumps at zero. A value that is positive in float64 and negative in float32
changes the gradient by the whole share of that unit, about 1 / sqrt(units of the layer), and a few
steps of training amplify it. In float32 on a CPU against float64, ResNet18 of k = 2 and 4 (batch of
64, learning rate 2^-6, 16 runs) had 0 or 1 such values in the first step, and losses within 2e-7;
at the fifth step up to 28,000 values and losses 8e-4 apart.

So a derivative in float32 is compared with one in float64 whose ReLUs are on the sides of float32
(`given_sides`): then both differentiate the same smooth function, and nothing but rounding is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape_catalog.tasks import Samples, Task

RELUS = (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
MOST = 1e-5  # share of the values that may change side by rounding


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


class _Given(TorchFunctionMode):
    """Multiplies the inputs of ReLUs by given masks, in their order, at every forward pass."""

    def __init__(self, masks: Sequence[Tensor]) -> None:
        super().__init__()
        self.masks, self.used = masks, 0

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The function's result; that of a ReLU from its mask."""
        if function not in RELUS or not isinstance(args[0], Tensor):
            return function(*args, **(kwargs or {}))
        mask = self.masks[self.used % len(self.masks)].to(args[0].device)
        self.used += 1
        return args[0] * mask.view(args[0].shape)


@contextmanager
def given_sides(masks: Sequence[Tensor]) -> Iterator[None]:
    """Compute with every ReLU on the given sides: x where its input was positive, and else 0.

    Args:
        masks: those that `sides` found, of the same network and batch.

    Raises:
        ValueError: if a forward pass was cut off, so that masks and ReLUs may not belong together.
    """
    with _Given(masks) as mode:
        yield
    if masks and (mode.used % len(masks) or not mode.used):
        raise ValueError(f"{mode.used} ReLUs for {len(masks)} masks")


@torch.no_grad()
def sides(network: nn.Module, batch: Samples, task: Task, dtype: torch.dtype) -> list[Tensor]:
    """Which inputs of each ReLU are positive in a forward pass, (values,) of bool on the CPU."""
    with _Sides() as kept:
        task.outputs(network, batch, dtype)
    return kept.found


def count(sides: Sequence[Tensor]) -> int:
    """The number of values."""
    return sum(len(each) for each in sides)


def changed(found: Sequence[Tensor], expected: Sequence[Tensor]) -> int:
    """The number of values on another side."""
    return sum(int((one != other).sum()) for one, other in zip(found, expected, strict=True))
