"""Evaluation of a traced graph for several networks at once.

T networks are stacked in the channel dimension, one network's channels after the other's: a
convolution has T times as many groups, batch norm T times as many channels, and a linear layer is a
batch of T matrix products. One call serves T networks, which pays off if call overhead outweighs
arithmetic. A network's result does not depend on the values of the others in its stack. For the
built-in networks it is also bit-identical for every T >= 2; with odd numbers of channels on one or
a few pixels, kernels may sum in a different order.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.graphs.folding import Statistics, Weights
from landscape_catalog.graphs.operations import RELUS, Operation, TracedGraph


def run_stacked(
    graph: TracedGraph,
    weights: Weights,
    statistics: Statistics,
    inputs: Tensor,
    *,
    momentum: float | None = None,
) -> Tensor:
    """The outputs of T networks on the same inputs, (samples, T * channels, ...).

    Args:
        graph: traced in train mode if `momentum` is given, else in eval mode.
        weights: of the T networks.
        statistics: updated in place in train mode, used as they are in eval mode.
        inputs: (samples, ...).
        momentum: weight of the batch in the running statistics.
    """
    count = len(next(iter(weights.values())))
    values: list[Tensor | None] = [inputs]
    shared = [True]  # per value: the same for all networks, and stored once
    last_uses = _last_uses(graph)
    for number, op in enumerate(graph.operations, start=1):
        arguments = [_value(values, source) for source in op.sources]
        all_shared = all(shared[source] for source in op.sources)
        stays_shared = all_shared and op.kind not in ("conv", "norm", "linear")
        if not all_shared:
            arguments = [
                _tiled(value, count) if shared[source] else value
                for value, source in zip(arguments, op.sources)
            ]
        if op.kind == "norm" and all_shared:
            arguments = [_tiled(arguments[0], count)]
        values.append(
            _apply(op, arguments, weights, statistics, momentum, count, shared=all_shared)
        )
        shared.append(stays_shared)
        for source in op.sources:
            if last_uses[source] == number:
                values[source] = None
    output = values[-1]
    assert output is not None
    return _tiled(output, count) if shared[-1] else output


def _apply(
    op: Operation, arguments: list[Tensor], weights: Weights, statistics: Statistics,
    momentum: float | None, count: int, *, shared: bool,
) -> Tensor:  # fmt: skip
    value = arguments[0]
    if op.kind == "conv":
        assert op.options is not None
        weight = weights[op.weight].flatten(0, 1)
        bias = weights[op.bias].flatten() if op.bias else None
        groups = op.options["groups"]
        if shared and groups > 1:
            value, shared = _tiled(value, count), False
        options = {**op.options, "groups": groups if shared else groups * count}
        return F.conv2d(value, weight, bias, **options)
    if op.kind == "linear":
        weight = weights[op.weight].transpose(1, 2)  # (T, in, out)
        rows = value[None]
        if not shared:  # contiguous, so that its rows have the same strides for every T
            rows = value.unflatten(1, (count, -1)).transpose(0, 1).contiguous()
        out = rows @ weight
        if op.bias:  # as a product, whose gradient sums over rows in the same order for every T
            out = out + rows.new_ones(1, rows.shape[1], 1) @ weights[op.bias][:, None]
        return out.transpose(0, 1).flatten(1)
    if op.kind == "norm":
        assert op.options is not None
        return F.batch_norm(
            value, statistics.means[op.layer].view(-1), statistics.variances[op.layer].view(-1),
            weights[op.weight].flatten(), weights[op.bias].flatten(), momentum is not None,
            momentum or 0.0, op.options["eps"],
        )  # fmt: skip
    return _apply_channelwise(op, arguments)


def _tiled(value: Tensor, count: int) -> Tensor:
    """(samples, channels, ...) -> (samples, T * channels, ...)."""
    return value.repeat(1, count, *[1] * (value.ndim - 2))


def _apply_channelwise(op: Operation, arguments: list[Tensor]) -> Tensor:
    """An operation without parameters, which treats all channels equally."""
    value = arguments[0]
    if op.kind == "add":
        return value + arguments[1]
    if op.kind == "flatten":
        return value.flatten(1)
    assert op.options is not None
    if op.kind == "mean":
        return value.mean(dim=(2, 3), keepdim=op.options["keepdim"])
    if op.function in RELUS:
        return torch.relu(value)
    assert op.function is not None
    return op.function(value, *op.options["args"], **op.options["kwargs"])


def _value(values: list[Tensor | None], number: int) -> Tensor:
    value = values[number]
    assert value is not None
    return value


def _last_uses(graph: TracedGraph) -> dict[int, int]:
    """The last operation that uses each value, after which its memory is freed."""
    numbered = enumerate(graph.operations, start=1)
    return {source: number for number, op in numbered for source in op.sources}
