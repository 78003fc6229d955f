"""What a network computes, as a list of the operations that we know how to run in another way.

A curve is evaluated at many t, and a network runs faster folded, or beside others, than as its
author wrote it. That needs to know what it computes. So its forward pass is watched: if all that it
does is in the short list of `readers.py` (convolutions, batch norm, linear layers, pooling, sums of
branches, activations), the list of operations is its program; if anything else happens to a tensor
that depends on the input, it has none and is called as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from landscape_catalog.metrics.numerics.traced.operations import (
    NotKnownError,
    Operation,
    TracedGraph,
)
from landscape_catalog.metrics.numerics.traced.readers import READERS, SILENT
from landscape_catalog.tasks import Samples, Task

FEWEST = 2  # samples: batch statistics of one are none


def trace_network(network: nn.Module, samples: Samples, task: Task) -> TracedGraph | None:
    """The network's program in the mode that it is in, or None where it has none that we know.

    None too if the task does more than call the network on one tensor and hand back what it says,
    if the network has forward hooks, or draws random numbers (dropout in train mode).

    Args:
        network: watched; its batch-norm statistics may move in train mode, so give a copy.
        samples: that it is watched on; fewer than two give None.
        task: how the network is called.
    """
    if len(samples) < FEWEST or not _plain(network):
        return None
    watch = _Watch(network)
    dtype = next(network.parameters()).dtype
    before = torch.get_rng_state()
    try:
        with torch.no_grad():
            outputs = task.outputs(watch.call, samples, dtype)
    except Exception:  # what is not known, or whatever a user's code does with so few samples
        return None
    finally:
        drew = not torch.equal(before, torch.get_rng_state())
        torch.set_rng_state(before)
    if drew or watch.output is None or outputs is not watch.output:
        return None
    return watch.graph(len(samples))


def inputs_of(samples: Samples, task: Task, dtype: torch.dtype) -> Tensor:
    """What the task calls a network with a program on: the normalised samples."""
    return task.outputs(lambda inputs: inputs, samples, dtype)


def _plain(network: nn.Module) -> bool:
    """No hooks, and all parameters in convolutions, batch norms and linear layers that train."""
    for module in network.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            return False
        own = list(module.parameters(recurse=False))
        if own and type(module) not in (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d):
            return False
        if isinstance(module, _BatchNorm) and not (module.track_running_stats and module.affine):
            return False
    return True


class _Watch(TorchFunctionMode):
    """Writes down each operation on a tensor that depends on the input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.names = {id(value): name for name, value in network.named_parameters()}
        self.layers = {
            id(layer.running_mean): name
            for name, layer in network.named_modules()
            if isinstance(layer, _BatchNorm)
        }
        self.numbers: dict[int, int] = {}
        self.alive: list[Tensor] = []  # so that no id is used twice
        self.operations: list[Operation] = []
        self.output: Tensor | None = None

    def call(self, *inputs: Tensor) -> Tensor:
        """The network on its one input, watched."""
        if len(inputs) != 1 or self.output is not None or not inputs[0].is_floating_point():
            raise NotKnownError
        self.numbers[id(inputs[0])] = 0
        self.alive.append(inputs[0])
        with self:
            output = self.network(*inputs)
        if not isinstance(output, Tensor) or output.ndim != 2 or id(output) not in self.numbers:
            raise NotKnownError
        self.output = output
        return output

    def graph(self, samples: int) -> TracedGraph:
        """The operations up to the output."""
        assert self.output is not None
        last = self.numbers[id(self.output)]
        largest = max(value.numel() for value in self.alive) // samples
        return TracedGraph(tuple(self.operations[:last]), largest)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in SILENT:
            return func(*args, **kwargs)
        tensors = _tensors((*args, *kwargs.values()))
        if not any(id(value) in self.numbers for value in tensors):
            if any(id(value) in self.names for value in tensors):
                raise NotKnownError  # what it does hangs on a weight's value
            return func(*args, **kwargs)  # of buffers and constants alone
        operation = self._operation(func, args, kwargs)
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor):
            raise NotKnownError
        self.operations.append(operation)
        self.alive.append(result)
        self.numbers[id(result)] = len(self.operations)  # in-place: the same tensor, a new value
        return result

    def _operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operation:
        reader = READERS.get(func)
        if reader is None:
            raise NotKnownError
        try:
            return reader(self, *args, **kwargs)
        except TypeError as error:  # arguments by names that the reader has not
            raise NotKnownError from error

    def number(self, value: Any) -> int:
        """The number of a tensor that depends on the input."""
        found = self.numbers.get(id(value))
        if found is None:
            raise NotKnownError
        return found

    def name(self, value: Any) -> str:
        """The name of a parameter; "" for None."""
        if value is None:
            return ""
        found = self.names.get(id(value))
        if found is None:
            raise NotKnownError
        return found


def _tensors(values: tuple[Any, ...]) -> list[Any]:
    """The values, those in lists and tuples among them."""
    found: list[Any] = []
    for value in values:
        found += _tensors(tuple(value)) if isinstance(value, (list, tuple)) else [value]
    return found
