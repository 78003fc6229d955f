"""Programs of several networks run side by side.

T networks lie in the channel dimension, network after network: a convolution has T times its
groups, batch norm T times its channels, and a linear layer is a batch of T products. One call
serves T networks, which pays where calls cost more than arithmetic. What a network gets does not
depend on its neighbours' numbers. From two networks on it is also, of our own networks, the same
to the bit however many there are; kernels for odd numbers of channels on one pixel or few may sum
in another order.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.metrics.numerics.traced.folding import Statistics, Weights
from landscape_catalog.metrics.numerics.traced.operations import RELUS, Operation, TracedGraph


def run_stacked(
    graph: TracedGraph,
    weights: Weights,
    statistics: Statistics,
    inputs: Tensor,
    *,
    momentum: float | None = None,
) -> Tensor:
    """The last value of T networks on the same inputs, (samples, T * channels, ...).

    Args:
        program: in train mode if `momentum` is given.
        weights: of T networks.
        statistics: in train mode moved towards the batch's, else used.
        inputs: (samples, ...).
        momentum: weight of the batch in the statistics.
    """
    count = len(next(iter(weights.values())))
    values: list[Tensor | None] = [inputs]
    shared = [True]  # whether a value is the same for all networks, and there once
    last = _last_uses(graph)
    for number, op in enumerate(graph.operations, start=1):
        given = [_value(values, source) for source in op.sources]
        alone = all(shared[source] for source in op.sources)
        keeps = alone and op.kind not in ("conv", "norm", "linear")
        if not keeps and not alone:
            given = [
                _repeated(value, count) if shared[source] else value
                for value, source in zip(given, op.sources)
            ]
        if op.kind == "norm" and alone:
            given = [_repeated(given[0], count)]
        values.append(_together(op, given, weights, statistics, momentum, count, alone=alone))
        shared.append(keeps)
        for source in op.sources:
            if last[source] == number:
                values[source] = None
    output = values[-1]
    assert output is not None
    return _repeated(output, count) if shared[-1] else output


def _together(
    op: Operation, given: list[Tensor], weights: Weights, statistics: Statistics,
    momentum: float | None, count: int, *, alone: bool,
) -> Tensor:  # fmt: skip
    value = given[0]
    if op.kind == "conv":
        assert op.options is not None
        weight = weights[op.weight].flatten(0, 1)
        bias = weights[op.bias].flatten() if op.bias else None
        groups = op.options["groups"]
        if alone and groups > 1:
            value, alone = _repeated(value, count), False
        options = {**op.options, "groups": groups if alone else groups * count}
        return F.conv2d(value, weight, bias, **options)
    if op.kind == "linear":
        weight = weights[op.weight].transpose(1, 2)  # (T, in, out)
        rows = value[None]
        if not alone:  # contiguous, so that its rows lie alike for every T
            rows = value.unflatten(1, (count, -1)).transpose(0, 1).contiguous()
        out = rows @ weight
        if op.bias:  # as a product, whose gradient sums over rows in one order for every T
            out = out + rows.new_ones(1, rows.shape[1], 1) @ weights[op.bias][:, None]
        return out.transpose(0, 1).flatten(1)
    if op.kind == "norm":
        assert op.options is not None
        return F.batch_norm(
            value, statistics.means[op.layer].view(-1), statistics.variances[op.layer].view(-1),
            weights[op.weight].flatten(), weights[op.bias].flatten(), momentum is not None,
            momentum or 0.0, op.options["eps"],
        )  # fmt: skip
    return _without_weights(op, given)


def _repeated(value: Tensor, count: int) -> Tensor:
    """(samples, channels, ...) -> (samples, T * channels, ...)."""
    return value.repeat(1, count, *[1] * (value.ndim - 2))


def _without_weights(op: Operation, given: list[Tensor]) -> Tensor:
    """An operation that treats every channel alike."""
    value = given[0]
    if op.kind == "add":
        return value + given[1]
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
    found = values[number]
    assert found is not None
    return found


def _last_uses(graph: TracedGraph) -> dict[int, int]:
    """The operation that uses a value last, so that its memory is free after it."""
    numbered = enumerate(graph.operations, start=1)
    return {source: number for number, op in numbered for source in op.sources}
