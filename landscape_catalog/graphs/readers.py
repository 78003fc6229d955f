"""Readers that translate calls of torch functions into operations of a traced graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.graphs.operations import (
    Operation,
    UnsupportedOperationError,
)

ACTIVATIONS: tuple[Callable[..., Tensor], ...] = (
    F.relu, torch.relu, F.gelu, F.silu, F.elu, F.softplus, F.relu6, F.hardtanh, F.leaky_relu,
    torch.tanh, torch.sigmoid, Tensor.relu, Tensor.tanh, Tensor.sigmoid,
)  # fmt: skip


class Tracer(Protocol):
    """The part of the tracer that readers use: which value or parameter a tensor is."""

    network: nn.Module
    layers: dict[int, str]
    operations: list[Operation]

    def number(self, value: Any) -> int:
        """The number of a tensor that depends on the input."""

    def name(self, value: Any) -> str:
        """The name of a parameter; "" for None."""


# Functions that read only a tensor's metadata, not its values.
METADATA_FUNCTIONS: set[Any] = {
    Tensor.dim, Tensor.size, Tensor.ndimension, Tensor.numel, Tensor.is_floating_point,
    Tensor.shape.__get__, Tensor.ndim.__get__, Tensor.dtype.__get__,  # type: ignore[attr-defined]
    Tensor.device.__get__, Tensor.is_cuda.__get__,  # type: ignore[attr-defined]
}  # fmt: skip


def _conv(
    tracer: Tracer, inputs: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Operation:  # fmt: skip
    if inputs.ndim != 4:
        raise UnsupportedOperationError
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Operation(
        "conv", (tracer.number(inputs),), tracer.name(weight), tracer.name(bias), options,
        channels=len(weight),
    )  # fmt: skip


def _norm(
    tracer: Tracer, inputs: Any, running_mean: Any, running_var: Any, weight: Any = None,
    bias: Any = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Operation:  # fmt: skip
    layer = tracer.layers.get(id(running_mean))
    if layer is None or tracer.network.get_submodule(layer).running_var is not running_var:
        raise UnsupportedOperationError
    if training != tracer.network.training:
        raise UnsupportedOperationError
    return Operation(
        "norm", (tracer.number(inputs),), tracer.name(weight), tracer.name(bias), {"eps": eps},
        layer=layer,
    )  # fmt: skip


def _linear(tracer: Tracer, inputs: Any, weight: Any, bias: Any = None) -> Operation:
    if inputs.ndim != 2:
        raise UnsupportedOperationError
    return Operation("linear", (tracer.number(inputs),), tracer.name(weight), tracer.name(bias))


def _add(tracer: Tracer, one: Any, other: Any) -> Operation:
    numbers = (tracer.number(one), tracer.number(other))
    if one.shape != other.shape:
        raise UnsupportedOperationError
    return Operation("add", numbers)


def _mean(tracer: Tracer, inputs: Any, dim: Any = None, keepdim: bool = False) -> Operation:
    if inputs.ndim != 4 or dim is None or isinstance(dim, int):
        raise UnsupportedOperationError
    if sorted(axis % 4 for axis in dim) != [2, 3]:
        raise UnsupportedOperationError
    return Operation("mean", (tracer.number(inputs),), options={"keepdim": keepdim})


def _flatten(tracer: Tracer, inputs: Any, start_dim: int = 0, end_dim: int = -1) -> Operation:
    if inputs.ndim < 2 or start_dim != 1 or end_dim not in (-1, inputs.ndim - 1):
        raise UnsupportedOperationError
    return Operation("flatten", (tracer.number(inputs),))


def _pooling(function: Callable[..., Tensor]) -> Callable[..., Operation]:
    def read(tracer: Tracer, inputs: Any, *args: Any, **kwargs: Any) -> Operation:
        if inputs.ndim != 4 or kwargs.get("return_indices"):
            raise UnsupportedOperationError
        options = {"args": args, "kwargs": kwargs}
        return Operation("pool", (tracer.number(inputs),), options=options, function=function)

    return read


def _activation(function: Callable[..., Tensor]) -> Callable[..., Operation]:
    def read(
        tracer: Tracer, inputs: Any, *args: Any, inplace: bool = False, **kwargs: Any
    ) -> Operation:
        if inplace and any(operation.kind == "flatten" for operation in tracer.operations):
            raise UnsupportedOperationError  # a flattened value may share its memory
        options = {"args": args, "kwargs": kwargs}
        return Operation("activation", (tracer.number(inputs),), options=options, function=function)

    return read


def _dropout(
    tracer: Tracer, inputs: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Operation:
    if training:
        raise UnsupportedOperationError
    options: dict[str, Any] = {"args": (), "kwargs": {}}
    return Operation("activation", (tracer.number(inputs),), options=options, function=_identity)


def _identity(inputs: Tensor) -> Tensor:
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
