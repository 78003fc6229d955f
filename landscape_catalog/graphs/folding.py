"""Batch-norm statistics of stacked networks, and batch norms folded into convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from landscape_catalog.graphs.operations import Operation, TracedGraph

Weights = Mapping[str, Tensor]  # name -> (T, *shape), of T networks


@dataclass(frozen=True)
class Statistics:
    """Running mean and variance of each batch-norm layer, (T, channels), by the layer's name."""

    means: dict[str, Tensor]
    variances: dict[str, Tensor]

    def select(self, index: int) -> Statistics:
        """The statistics of one network, (1, channels)."""
        return Statistics(
            {layer: value[index][None] for layer, value in self.means.items()},
            {layer: value[index][None] for layer, value in self.variances.items()},
        )


def initial_statistics(graph: TracedGraph, weights: Weights) -> Statistics:
    """Statistics before the first batch: mean 0 and variance 1."""
    scales = {op.layer: weights[op.weight] for op in graph.operations if op.kind == "norm"}
    return Statistics(
        {layer: torch.zeros_like(scale) for layer, scale in scales.items()},
        {layer: torch.ones_like(scale) for layer, scale in scales.items()},
    )


def through_last_norm(graph: TracedGraph) -> TracedGraph:
    """The graph up to its last batch norm, which is all that batch-norm statistics depend on."""
    norms = [n for n, op in enumerate(graph.operations, start=1) if op.kind == "norm"]
    return replace(graph, operations=graph.operations[: max(norms, default=0)])


def fold_batchnorm(
    graph: TracedGraph, weights: Weights, statistics: Statistics
) -> tuple[TracedGraph, dict[str, Tensor]]:
    """An eval-mode graph and its weights, with batch norms folded into preceding convolutions.

    norm(W x + b) = (s W) x + s (b - mean) + shift with s = scale / sqrt(variance + eps). A batch
    norm is folded if it directly follows a convolution whose output nothing else uses.
    """
    uses = [source for op in graph.operations for source in op.sources]
    operations: list[Operation] = []
    new_numbers = {0: 0}
    new_weights = dict(weights)
    for number, op in enumerate(graph.operations, start=1):
        before = graph.operations[op.sources[0] - 1] if op.sources[0] else None
        if (
            op.kind == "norm"
            and before is not None
            and before.kind == "conv"
            and uses.count(op.sources[0]) == 1
        ):
            weight, bias = _folded_weights(before, op, weights, statistics)
            names = f"{op.layer}: weight", f"{op.layer}: bias"
            new_weights.update(zip(names, (weight, bias)))
            conv = new_numbers[op.sources[0]]
            operations[conv - 1] = replace(operations[conv - 1], weight=names[0], bias=names[1])
            new_numbers[number] = conv
        else:
            sources = tuple(new_numbers[source] for source in op.sources)
            operations.append(replace(op, sources=sources))
            new_numbers[number] = len(operations)
    return replace(graph, operations=tuple(operations)), new_weights


def _folded_weights(
    conv: Operation, norm: Operation, weights: Weights, statistics: Statistics
) -> tuple[Tensor, Tensor]:
    """Weight, (T, out, in, h, w), and bias, (T, out), of a convolution with a folded batch norm."""
    assert norm.options is not None
    variance, mean = statistics.variances[norm.layer], statistics.means[norm.layer]
    scale = weights[norm.weight] / torch.sqrt(variance + norm.options["eps"])
    shift = weights[norm.bias] - scale * mean
    if conv.bias:
        shift = shift + scale * weights[conv.bias]
    return weights[conv.weight] * scale[:, :, None, None, None], shift
