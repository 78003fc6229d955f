"""Tracing a network: its forward pass as a list of operations with known faster implementations.

A curve is evaluated at many t. A network runs faster than its author's code if its batch norms are
folded or if it is stacked with others, but this requires knowing what it computes. So one forward
pass is traced. If it only calls functions supported in `readers.py` (convolutions, batch norm,
linear layers, pooling, sums of branches, activations), the recorded operations are its traced
graph. If any other function is applied to a tensor that depends on the input, there is no graph,
and callers run the network itself.

Why not torch.fx: where its symbolic tracer succeeded, it gave the same graphs. But it rejects
networks that inspect a shape (the built-in VGG11 checks its image size), still needs a run on real
samples for shapes and randomness and a table of leaf modules (146 lines of code instead of 118),
and took 2.4 to 9 times as long. Its `fuse_conv_bn_eval` folds one network at a time with a
different formula: about one in six of the folded numbers differed in float32 (torch 2.14).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs.operations import (
    Operation,
    TracedGraph,
    UnsupportedOperationError,
)
from landscape_catalog.graphs.readers import METADATA_FUNCTIONS, READERS
from landscape_catalog.models.randomness import random_state, set_random_state
from landscape_catalog.tasks import Samples, Task

ATTEMPTS = 5  # a network that has drawn in each of them draws
MIN_SAMPLES = 2  # batch norm in train mode cannot compute a variance from a single sample


def trace_network(network: nn.Module, samples: Samples, task: Task) -> TracedGraph | None:
    """The network's graph in its current mode, or None if it cannot be traced.

    A network cannot be traced if it applies an unsupported function to a value that depends on the
    input, has forward hooks, or draws random numbers (dropout in train mode, or anything from the
    generators of torch, NumPy and Python), or if the task does more than call the network once on
    one tensor and return its output.

    Args:
        network: called, which updates its batch-norm statistics in train mode; pass a copy.
        samples: the batch to trace it on; with fewer than two samples the result is None.
        task: how the network is called.
    """
    if len(samples) < MIN_SAMPLES or not _has_supported_modules(network):
        return None
    for _ in range(ATTEMPTS):
        tracer = _ForwardTracer(network)
        try:
            with Draws(samples.inputs.device) as draws, torch.no_grad():
                outputs = task.outputs(tracer.call, samples, next(network.parameters()).dtype)
        except Exception as error:  # unsupported, or a failure of a user's code on so few samples
            if is_out_of_memory(error):
                raise
            return None
        if tracer.output is None or outputs is not tracer.output:
            return None
        if not draws.found:
            return tracer.graph(len(samples))
    return None


class Draws:
    """Finds out whether anything is drawn from the global generators, whose states are restored.

    Other threads draw from those of NumPy and Python, too: a worker of Dask does while it talks to
    the scheduler. A network that draws does so every time.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.found = device, False

    def __enter__(self) -> Draws:
        self.before = random_state(self.device)
        return self

    def __exit__(self, *_: object) -> None:
        after = random_state(self.device)
        self.found = not all(torch.equal(self.before[name], state) for name, state in after.items())
        set_random_state(self.before, self.device)


def network_inputs(samples: Samples, task: Task, dtype: torch.dtype) -> Tensor:
    """The tensor that the task passes to a traced network: the normalised samples."""
    return task.outputs(lambda inputs: inputs, samples, dtype)


def _has_supported_modules(network: nn.Module) -> bool:
    """No hooks, no parameters outside convolutions, linear layers and ordinary batch norms."""
    for module in network.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            return False
        has_parameters = any(True for _ in module.parameters(recurse=False))
        supported = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)
        if has_parameters and type(module) not in supported:
            return False
        if isinstance(module, _BatchNorm) and not (module.track_running_stats and module.affine):
            return False
    return True


class _ForwardTracer(TorchFunctionMode):
    """Records every operation on a tensor that depends on the network's input."""

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
        self.alive: list[Tensor] = []  # keeps every value, so that no id is reused
        self.operations: list[Operation] = []
        self.output: Tensor | None = None

    def call(self, *inputs: Tensor) -> Tensor:
        """Run the network on its single input and record its operations."""
        if len(inputs) != 1 or self.output is not None or not inputs[0].is_floating_point():
            raise UnsupportedOperationError
        self.numbers[id(inputs[0])] = 0
        self.alive.append(inputs[0])
        with self:
            output = self.network(*inputs)
        if not isinstance(output, Tensor) or output.ndim != 2 or id(output) not in self.numbers:
            raise UnsupportedOperationError
        self.output = output
        return output

    def graph(self, samples: int) -> TracedGraph:
        """The operations up to the one that computes the output."""
        assert self.output is not None
        last = self.numbers[id(self.output)]
        largest = max(value.numel() for value in self.alive) // samples
        return TracedGraph(tuple(self.operations[:last]), largest)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in METADATA_FUNCTIONS:
            return func(*args, **kwargs)
        arguments = _flat((*args, *kwargs.values()))
        if not any(id(value) in self.numbers for value in arguments):
            if any(id(value) in self.names for value in arguments):
                raise UnsupportedOperationError  # behaviour may depend on a parameter's value
            return func(*args, **kwargs)  # of buffers and constants alone
        operation = self._operation(func, args, kwargs)
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor):
            raise UnsupportedOperationError
        self.operations.append(operation)
        self.alive.append(result)
        self.numbers[id(result)] = len(self.operations)  # in place: the same tensor, a new number
        return result

    def _operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operation:
        reader = READERS.get(func)
        if reader is None:
            raise UnsupportedOperationError
        try:
            return reader(self, *args, **kwargs)
        except TypeError as error:  # keyword arguments that the reader does not support
            raise UnsupportedOperationError from error

    def number(self, value: Any) -> int:
        """The number of a tensor that depends on the input."""
        number = self.numbers.get(id(value))
        if number is None:
            raise UnsupportedOperationError
        return number

    def name(self, value: Any) -> str:
        """The name of a parameter; "" for None."""
        if value is None:
            return ""
        name = self.names.get(id(value))
        if name is None:
            raise UnsupportedOperationError
        return name


def _flat(values: tuple[Any, ...]) -> list[Any]:
    """The values, with lists and tuples replaced by their elements."""
    flat: list[Any] = []
    for value in values:
        flat += _flat(tuple(value)) if isinstance(value, (list, tuple)) else [value]
    return flat
