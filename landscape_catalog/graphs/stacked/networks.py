"""Several networks of one graph in train mode, side by side.

One call of a kernel serves all networks of the stack, which pays off where the overhead of calls
outweighs arithmetic. A network's result is the same to the bit for every number of networks from
two on, every place in the stack and any companions: each network's numbers lie in rows of memory of
their own, and every kernel treats rows alike. (With a single network some kernels take another
way. Batches must have a multiple of `BATCH_MULTIPLE` samples, since MKL's products of small
matrices depend on where these begin in memory.) Tests prove it for the networks that the rule of
`training.grouping` names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from landscape_catalog.graphs.operations import (
    RELUS,
    Operation,
    TracedGraph,
    UnsupportedOperationError,
)
from landscape_catalog.graphs.stacked.convolution import Convolution
from landscape_catalog.graphs.stacked.dense import DenseConvolution, is_dense
from landscape_catalog.graphs.stacked.layer import NO_PADDING, Layer, Value, Weights
from landscape_catalog.graphs.stacked.layers import (
    Add,
    BatchNorm,
    Flatten,
    Function,
    Linear,
    Mean,
    Relu,
    stacked_function,
)
from landscape_catalog.graphs.stacked.patches import window_of
from landscape_catalog.graphs.stacked.statistics import StackedStatistics

PLAIN_LAYERS: dict[str, type[Layer]] = {"add": Add, "flatten": Flatten, "mean": Mean}
WRITE_ANYWHERE = ("input", "add", "activation", "pool")  # their values may be stored padded
NEED_ROWS = ("norm", "linear")  # take only values whose channels are contiguous rows


class StackedNetworks:
    """T networks in train mode on batches of B samples; buffers are allocated once.

    Args:
        graph: traced in train mode.
        weights: of the T networks, name -> (T, *shape); read at every step.
        input_shape: of one sample.
        batch_size: B.
        gradients: name -> (T, *shape), written by `backward`; None: values only.

    Attributes:
        statistics: of the batch norms.

    Raises:
        UnsupportedOperationError: if a parameter is used twice, if an operation has a form that
            stacked networks do not support, or, with `gradients`, if the outputs do not depend on
            every parameter and every value.
    """

    def __init__(
        self,
        graph: TracedGraph,
        weights: Weights,
        *,
        input_shape: Sequence[int],
        batch_size: int,
        gradients: Weights | None = None,
    ) -> None:
        names = [name for op in graph.operations for name in (op.weight, op.bias) if name]
        takers = _takers(graph)
        if len(set(names)) < len(names):
            raise UnsupportedOperationError
        if gradients is not None and (set(names) != set(weights) or not all(takers[:-1])):
            raise UnsupportedOperationError
        self.weights, self.gradients = weights, gradients
        self.statistics = StackedStatistics(graph, weights)
        first = next(iter(weights.values()))
        shape = (len(first), *input_shape, batch_size)
        values = [_value(first, shape, takers[0], weights, "input", differentiated=False)]
        self.layers: list[Layer] = []
        for number, op in enumerate(graph.operations, start=1):
            sources = [values[source] for source in op.sources]
            shape = _output_shape(op, sources[0].tensor, weights)
            differentiated = gradients is not None
            value = _value(
                first, shape, takers[number], weights, op.kind, differentiated=differentiated
            )
            self.layers.append(self._layer(op, sources, value))
            values.append(value)
        self.inputs, self.outputs = values[0], values[-1]

    def _layer(self, op: Operation, sources: list[Value], value: Value) -> Layer:
        weights, grads = self.weights, self.gradients
        if op.kind == "conv":
            small = is_dense(op, weights, sources[0].tensor.shape)
            kind = DenseConvolution if small else Convolution
            return kind(op, sources[0], value, weights, grads=grads)
        if op.kind == "norm":
            return BatchNorm(op, sources[0], value, weights, self.statistics, grads=grads)
        if op.kind == "linear":
            return Linear(op, sources[0], value, weights, grads=grads)
        if op.kind in PLAIN_LAYERS:
            return PLAIN_LAYERS[op.kind](sources, value)
        if op.function in RELUS:
            return Relu(sources, value)
        return Function(op, sources, value)

    @torch.no_grad()
    def forward(self, inputs: Tensor, *, momentum: float | None = None) -> Tensor:
        """The outputs, (T, outputs, B); overwritten by the next call.

        Args:
            inputs: (T, B, ...), or (1, B, ...) for the same samples in all networks.
            momentum: weight of the batch in the running statistics; None: leave them as they are.
        """
        values = self.inputs.tensor
        values.copy_(inputs.movedim(1, -1).expand_as(values))
        for layer in self.layers:
            layer.forward()
        if momentum is not None:
            self.statistics.update(momentum)
        return self.outputs.tensor

    @torch.no_grad()
    def backward(self, gradient: Tensor) -> None:
        """Write the gradients of a loss, given its gradient with respect to the outputs.

        Args:
            gradient: (T, outputs, B).
        """
        self.outputs.collect(gradient)
        for layer in reversed(self.layers):
            layer.backward()


def _takers(graph: TracedGraph) -> list[list[Operation]]:
    """For each value, the operations that take it."""
    takers: list[list[Operation]] = [[] for _ in range(len(graph.operations) + 1)]
    for op in graph.operations:
        for source in op.sources:
            takers[source].append(op)
    return takers


def _value(
    like: Tensor,
    shape: Sequence[int],
    takers: list[Operation],
    weights: Weights,
    kind: str,
    *,
    differentiated: bool,
) -> Value:
    """A value, stored with the padding of the convolutions that take it if they agree on one."""
    uses = max(len(takers), 1)
    padding = NO_PADDING
    if kind in WRITE_ANYWHERE and all(op.kind not in NEED_ROWS for op in takers):
        paddings = {
            window_of(weights[op.weight].shape[3:], shape[2:4], op).padding
            for op in takers
            if op.kind == "conv" and not is_dense(op, weights, shape)
        } - {NO_PADDING}
        padding = paddings.pop() if len(paddings) == 1 else NO_PADDING
    return Value(like, shape, uses=uses, padding=padding, differentiated=differentiated)


def _output_shape(op: Operation, source: Tensor, weights: Weights) -> tuple[int, ...]:
    shape = tuple(source.shape)
    if op.kind == "conv":
        kernel = weights[op.weight].shape
        return (*shape[:1], kernel[1], *window_of(kernel[3:], shape[2:4], op).output, shape[-1])
    if op.kind == "linear":
        return (*shape[:1], weights[op.weight].shape[1], shape[-1])
    if op.kind == "flatten":
        return (shape[0], math.prod(shape[1:-1]), shape[-1])
    if op.kind == "mean":
        assert op.options is not None
        return (*shape[:2], *((1, 1) if op.options["keepdim"] else ()), shape[-1])
    if op.kind == "pool":
        return tuple(stacked_function(op)(source).shape)
    return shape
