"""The operations that a traced graph may consist of."""

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
    """One node of a traced graph.

    Nodes are numbered from 1 in the order of execution, and number 0 is the network's input; a node
    and the value that it computes share a number.

    Attributes:
        kind: `conv`, `norm`, `linear`, `activation`, `add`, `pool`, `mean` or `flatten`.
        sources: numbers of the values that the operation takes.
        weight: name of the weight parameter; "" where there is none.
        bias: name of the bias parameter; "" where there is none.
        options: further arguments of the function, by name.
        function: the function of an `activation` or a `pool`.
        layer: name of the batch-norm module of a `norm`.
        channels: output channels of a `conv`.
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
    """A network as a list of operations; the last one's value is the network's output.

    Attributes:
        operations: in the order of execution.
        largest_value: elements of the largest intermediate value, per sample.
    """

    operations: tuple[Operation, ...]
    largest_value: int


class UnsupportedOperationError(Exception):
    """The network performs an operation that a traced graph cannot express."""
