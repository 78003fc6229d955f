"""Evaluation of a traced graph for one network, whose batch norms may be folded."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.graphs.folding import Statistics, Weights
from landscape_catalog.graphs.operations import RELUS, Operation, TracedGraph


def run_graph(
    graph: TracedGraph,
    weights: Weights,
    statistics: Statistics,
    inputs: Tensor,
    *,
    momentum: float | None = None,
) -> Tensor:
    """The outputs of a network, (samples, channels, ...).

    Args:
        graph: traced in train mode if `momentum` is given, else in eval mode.
        weights: of the network, name -> (1, *shape).
        statistics: updated in place in train mode, used as they are in eval mode.
        inputs: (samples, ...).
        momentum: weight of the batch in the running statistics.
    """
    values: list[Tensor | None] = [inputs]
    last_uses = _last_uses(graph)
    for number, op in enumerate(graph.operations, start=1):
        arguments = [_value(values, source) for source in op.sources]
        values.append(_apply(op, arguments, weights, statistics, momentum))
        for source in op.sources:
            if last_uses[source] == number:
                values[source] = None
    return _value(values, len(graph.operations))


def _apply(
    op: Operation, arguments: list[Tensor], weights: Weights, statistics: Statistics,
    momentum: float | None,
) -> Tensor:  # fmt: skip
    value = arguments[0]
    if op.kind == "conv":
        assert op.options is not None
        bias = weights[op.bias][0] if op.bias else None
        return F.conv2d(value, weights[op.weight][0], bias, **op.options)
    if op.kind == "linear":  # bias as a product, for the bits of recipe `curve_points` 2
        out = value[None] @ weights[op.weight].transpose(1, 2)
        if op.bias:
            out = out + value.new_ones(1, len(value), 1) @ weights[op.bias][:, None]
        return out[0]
    if op.kind == "norm":
        assert op.options is not None
        return F.batch_norm(
            value, statistics.means[op.layer][0], statistics.variances[op.layer][0],
            weights[op.weight][0], weights[op.bias][0], momentum is not None, momentum or 0.0,
            op.options["eps"],
        )  # fmt: skip
    return _apply_channelwise(op, arguments)


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
