"""The operations that a network's program may consist of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

RELUS = (F.relu, torch.relu, Tensor.relu)


@dataclass(frozen=True)
class Operation:
    """One operation: value `sources` -> the value with the operation's own number, from 1 on.

    Attributes:
        kind: `conv`, `norm`, `linear`, `activation`, `add`, `pool`, `mean`, `flatten`.
        sources: numbers of the values that go in; 0 is the network's input.
        weight: name of the parameter; "" where there is none.
        bias: name of the parameter; "" where there is none.
        options: what else the function is called with, by name.
        function: of `activation` and `pool`.
        layer: name of the module, of `norm`.
        channels: that come out, of `conv`.
    """

    kind: str
    sources: tuple[int, ...]
    weight: str = ""
    bias: str = ""
    options: Mapping[str, Any] | None = None
    function: Callable[..., Tensor] | None = None
    layer: str = ""
    channels: int = 0


@dataclass(frozen=True)
class TracedGraph:
    """Operations in order, the last one's value being the network's output.

    Attributes:
        operations: number 1 and on.
        largest: numbers in the largest value, a sample.
    """

    operations: tuple[Operation, ...]
    largest: int


class NotKnownError(Exception):
    """The network does something that is not in the list."""
