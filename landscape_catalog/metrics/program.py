"""What a network computes, as a list of the operations that we know how to run in another way.

A curve is evaluated at many t, and a network runs faster folded, or beside others, than as its
author wrote it. That needs to know what it computes. So its forward pass is watched once on two
samples: if all that it does is in the short list below (convolutions, batch norm, linear layers,
pooling, sums of branches, activations), the list of operations is its program; if anything else
happens to a tensor that depends on the input, it has none and is called as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from landscape_catalog.tasks import Samples, Task

WATCHED_SAMPLES = 2
BLOCK = 8  # channels that oneDNN keeps side by side with AVX2
ACTIVATIONS: tuple[Callable[..., Tensor], ...] = (
    F.relu, torch.relu, F.gelu, F.silu, F.elu, F.softplus, F.relu6, F.hardtanh, F.leaky_relu,
    torch.tanh, torch.sigmoid, Tensor.relu, Tensor.tanh, Tensor.sigmoid,
)  # fmt: skip
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
class Program:
    """Operations in order, the last one's value being the network's output.

    Attributes:
        operations: number 1 and on.
        largest: numbers in the largest value, a sample.
    """

    operations: tuple[Operation, ...]
    largest: int


class _NotKnownError(Exception):
    """The network does something that is not in the list."""


def program_of(network: nn.Module, samples: Samples, task: Task) -> Program | None:
    """The network's program in the mode that it is in, or None where it has none that we know.

    None too if the task does more than call the network on one tensor and hand back what it says,
    if the network has forward hooks, or draws random numbers (dropout in train mode).

    Args:
        network: watched; its batch-norm statistics may move in train mode, so give a copy.
        samples: of which the first two are looked at; fewer give None.
        task: how the network is called.
    """
    if len(samples) < WATCHED_SAMPLES or not _plain(network):
        return None
    watch = _Watch(network)
    dtype = next(network.parameters()).dtype
    try:
        with torch.no_grad():
            outputs = task.outputs(watch.call, samples[:WATCHED_SAMPLES], dtype)
    except Exception:  # what is not known, or whatever a user's code does with two samples
        return None
    if watch.output is None or outputs is not watch.output:
        return None
    return watch.program()


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


def fits_blocks(program: Program, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether oneDNN's layout, which pads channels to eight, holds its values without waste."""
    if dtype != torch.float32 or device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    convs = [op for op in program.operations if op.kind == "conv"]
    return bool(convs) and all(op.channels % BLOCK == 0 for op in convs)


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
            raise _NotKnownError
        self.numbers[id(inputs[0])] = 0
        self.alive.append(inputs[0])
        with self:
            output = self.network(*inputs)
        if not isinstance(output, Tensor) or output.ndim != 2 or id(output) not in self.numbers:
            raise _NotKnownError
        self.output = output
        return output

    def program(self) -> Program:
        """The operations, if the last one is the output."""
        assert self.output is not None
        last = self.numbers[id(self.output)]
        largest = max(value.numel() for value in self.alive) // WATCHED_SAMPLES
        return Program(tuple(self.operations[:last]), largest)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not any(id(value) in self.numbers for value in _tensors((*args, *kwargs.values()))):
            return func(*args, **kwargs)  # of buffers and constants alone
        if func in SILENT:
            return func(*args, **kwargs)
        operation = self._operation(func, args, kwargs)
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor):
            raise _NotKnownError
        self.operations.append(operation)
        self.alive.append(result)
        self.numbers[id(result)] = len(self.operations)  # in-place: the same tensor, a new value
        return result

    def _operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operation:
        reader = READERS.get(func)
        if reader is None:
            raise _NotKnownError
        try:
            return reader(self, *args, **kwargs)
        except TypeError as error:  # arguments by names that the reader has not
            raise _NotKnownError from error

    def number(self, value: Any) -> int:
        """The number of a tensor that depends on the input."""
        found = self.numbers.get(id(value))
        if found is None:
            raise _NotKnownError
        return found

    def name(self, value: Any) -> str:
        """The name of a parameter; "" for None."""
        if value is None:
            return ""
        found = self.names.get(id(value))
        if found is None:
            raise _NotKnownError
        return found


def _tensors(values: tuple[Any, ...]) -> list[Any]:
    """The values, those in lists and tuples among them."""
    found: list[Any] = []
    for value in values:
        found += _tensors(tuple(value)) if isinstance(value, (list, tuple)) else [value]
    return found


# Functions that look at a tensor's sizes and kind, and do nothing to it.
SILENT: set[Any] = {
    Tensor.dim, Tensor.size, Tensor.ndimension, Tensor.numel, Tensor.is_floating_point,
    Tensor.shape.__get__, Tensor.ndim.__get__, Tensor.dtype.__get__,  # type: ignore[attr-defined]
    Tensor.device.__get__, Tensor.is_cuda.__get__,  # type: ignore[attr-defined]
}  # fmt: skip


def _conv(
    watch: _Watch, inputs: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Operation:  # fmt: skip
    if inputs.ndim != 4:
        raise _NotKnownError
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Operation(
        "conv", (watch.number(inputs),), watch.name(weight), watch.name(bias), options,
        channels=len(weight),
    )  # fmt: skip


def _norm(
    watch: _Watch, inputs: Any, running_mean: Any, running_var: Any, weight: Any = None,
    bias: Any = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Operation:  # fmt: skip
    layer = watch.layers.get(id(running_mean))
    if layer is None or watch.network.get_submodule(layer).running_var is not running_var:
        raise _NotKnownError
    if training != watch.network.training:
        raise _NotKnownError
    return Operation(
        "norm", (watch.number(inputs),), watch.name(weight), watch.name(bias), {"eps": eps},
        layer=layer,
    )  # fmt: skip


def _linear(watch: _Watch, inputs: Any, weight: Any, bias: Any = None) -> Operation:
    if inputs.ndim != 2:
        raise _NotKnownError
    return Operation("linear", (watch.number(inputs),), watch.name(weight), watch.name(bias))


def _add(watch: _Watch, one: Any, other: Any) -> Operation:
    numbers = (watch.number(one), watch.number(other))
    if one.shape != other.shape:
        raise _NotKnownError
    return Operation("add", numbers)


def _mean(watch: _Watch, inputs: Any, dim: Any = None, keepdim: bool = False) -> Operation:
    if inputs.ndim != 4 or dim is None or isinstance(dim, int):
        raise _NotKnownError
    if sorted(axis % 4 for axis in dim) != [2, 3]:
        raise _NotKnownError
    return Operation("mean", (watch.number(inputs),), options={"keepdim": keepdim})


def _flatten(watch: _Watch, inputs: Any, start_dim: int = 0, end_dim: int = -1) -> Operation:
    if inputs.ndim < 2 or start_dim != 1 or end_dim not in (-1, inputs.ndim - 1):
        raise _NotKnownError
    return Operation("flatten", (watch.number(inputs),))


def _pooling(function: Callable[..., Tensor]) -> Callable[..., Operation]:
    def read(watch: _Watch, inputs: Any, *args: Any, **kwargs: Any) -> Operation:
        if inputs.ndim != 4 or kwargs.get("return_indices"):
            raise _NotKnownError
        options = {"args": args, "kwargs": kwargs}
        return Operation("pool", (watch.number(inputs),), options=options, function=function)

    return read


def _activation(function: Callable[..., Tensor]) -> Callable[..., Operation]:
    def read(
        watch: _Watch, inputs: Any, *args: Any, inplace: bool = False, **kwargs: Any
    ) -> Operation:
        if inplace and any(operation.kind == "flatten" for operation in watch.operations):
            raise _NotKnownError  # another value may share its memory
        options = {"args": args, "kwargs": kwargs}
        return Operation("activation", (watch.number(inputs),), options=options, function=function)

    return read


def _dropout(
    watch: _Watch, inputs: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Operation:
    if training:
        raise _NotKnownError
    return Operation(
        "activation", (watch.number(inputs),), options={"args": (), "kwargs": {}}, function=_same
    )


def _same(inputs: Tensor) -> Tensor:
    return inputs


READERS: dict[Any, Callable[..., Operation]] = {
    F.conv2d: _conv,
    F.batch_norm: _norm,
    F.linear: _linear,
    F.dropout: _dropout,
    Tensor.add: _add,
    torch.add: _add,
    Tensor.__add__: _add,
    Tensor.mean: _mean,
    torch.mean: _mean,
    Tensor.flatten: _flatten,
    torch.flatten: _flatten,
    **{
        function: _pooling(function)
        for function in (F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d)
    },
    **{function: _activation(function) for function in ACTIVATIONS},
}
