"""Batch-norm statistics of several networks, and batch norm folded into convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from landscape_catalog.metrics.numerics.traced.operations import Operation, TracedGraph

Weights = Mapping[str, Tensor]  # name -> (T, *shape)


@dataclass(frozen=True)
class Statistics:
    """Running mean and variance of each batch-norm layer, (T, channels), by its name."""

    means: dict[str, Tensor]
    variances: dict[str, Tensor]

    def of(self, place: int) -> Statistics:
        """Of one network alone, (1, channels)."""
        return Statistics(
            {layer: value[place][None] for layer, value in self.means.items()},
            {layer: value[place][None] for layer, value in self.variances.items()},
        )


def fresh_statistics(graph: TracedGraph, weights: Weights) -> Statistics:
    """Statistics of layers that have seen nothing: 0 and 1."""
    scales = {op.layer: weights[op.weight] for op in graph.operations if op.kind == "norm"}
    return Statistics(
        {layer: torch.zeros_like(scale) for layer, scale in scales.items()},
        {layer: torch.ones_like(scale) for layer, scale in scales.items()},
    )


def up_to_the_last_norm(graph: TracedGraph) -> TracedGraph:
    """The part that statistics depend on."""
    norms = [n for n, op in enumerate(graph.operations, start=1) if op.kind == "norm"]
    return replace(graph, operations=graph.operations[: max(norms, default=0)])


def folded(
    graph: TracedGraph, weights: Weights, statistics: Statistics
) -> tuple[TracedGraph, dict[str, Tensor]]:
    """The program in eval mode without those batch norms that follow a convolution directly.

    norm(W x + b) = (s W) x + s (b - mean) + shift with s = scale / sqrt(variance + eps).
    """
    uses = [source for op in graph.operations for source in op.sources]
    kept: list[Operation] = []
    numbers = {0: 0}
    new = dict(weights)
    for number, op in enumerate(graph.operations, start=1):
        before = graph.operations[op.sources[0] - 1] if op.sources[0] else None
        if (
            op.kind == "norm"
            and before is not None
            and before.kind == "conv"
            and uses.count(op.sources[0]) == 1
        ):
            weight, bias = _fold(before, op, weights, statistics)
            names = f"{op.layer}: weight", f"{op.layer}: bias"
            new.update(zip(names, (weight, bias)))
            at = numbers[op.sources[0]]
            kept[at - 1] = replace(kept[at - 1], weight=names[0], bias=names[1])
            numbers[number] = at
        else:
            sources = tuple(numbers[source] for source in op.sources)
            kept.append(replace(op, sources=sources))
            numbers[number] = len(kept)
    return replace(graph, operations=tuple(kept)), new


def _fold(
    conv: Operation, norm: Operation, weights: Weights, statistics: Statistics
) -> tuple[Tensor, Tensor]:
    """Weight, (T, out, in, h, w), and bias, (T, out), of the two in one."""
    assert norm.options is not None
    variance, mean = statistics.variances[norm.layer], statistics.means[norm.layer]
    scale = weights[norm.weight] / torch.sqrt(variance + norm.options["eps"])
    shift = weights[norm.bias] - scale * mean
    if conv.bias:
        shift = shift + scale * weights[conv.bias]
    return weights[conv.weight] * scale[:, :, None, None, None], shift
