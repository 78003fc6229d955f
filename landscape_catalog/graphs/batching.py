"""How many traced networks to run at once, and in which memory format."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape_catalog.graphs.limits import (
    BATCH_MULTIPLE,
    LARGEST_STACK,
    SMALL_VALUE,
    SMALLEST_STACK,
)
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.trace import (
    MIN_SAMPLES,
    network_inputs,
    trace_network,
)
from landscape_catalog.tasks import Samples, Task

# In the channels-last format, oneDNN 3.12's backward convolutions for AVX2 corrupt memory unless
# the number of channels is a multiple of this (ResNet18 of k = 2 and 4, ONEDNN_MAX_CPU_ISA=AVX2).
CHANNEL_MULTIPLE = 8


@dataclass(frozen=True)
class BatchingStrategy:
    """How many networks run at once, and the memory format of their images.

    Attributes:
        stack_size: the largest number of networks in a stack; 1: one network at a time.
        channels_last: whether images are stored channels last, which oneDNN's kernels prefer.
            Single-channel images have the same layout in both formats.
    """

    stack_size: int
    channels_last: bool

    def to_memory_format(self, inputs: Tensor) -> Tensor:
        """Images in the strategy's memory format; other inputs unchanged."""
        if self.channels_last and inputs.ndim == 4:
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def stacks(self, count: int) -> list[list[int]]:
        """The indices 0 to count - 1, by stack. A single network left over is stacked with itself.

        >>> BatchingStrategy(8, channels_last=False).stacks(9)
        [[0, 1, 2, 3, 4, 5, 6, 7], [8, 8]]
        >>> BatchingStrategy(1, channels_last=False).stacks(2)
        [[0], [1]]
        """
        indices = list(range(count))
        stacks = [indices[i : i + self.stack_size] for i in range(0, count, self.stack_size)]
        if self.stack_size >= SMALLEST_STACK and stacks and len(stacks[-1]) == 1:
            stacks[-1] *= SMALLEST_STACK
        return stacks


def batching_strategy(graph: TracedGraph, batch_size: int, weights: Tensor) -> BatchingStrategy:
    """The strategy for a graph, which depends on shapes, dtype and device, never on timings.

    Args:
        graph: of the networks.
        batch_size: samples in a batch.
        weights: any of a network's parameters, for dtype and device.
    """
    if weights.device.type == "cuda":  # where networks stacked for a CPU's caches are slower
        return BatchingStrategy(1, channels_last=False)
    is_small = batch_size * graph.largest_value <= SMALL_VALUE
    if is_small and batch_size % BATCH_MULTIPLE == 0:
        return BatchingStrategy(LARGEST_STACK, channels_last=False)
    convs = [op for op in graph.operations if op.kind == "conv"]
    aligned = bool(convs) and all(op.channels % CHANNEL_MULTIPLE == 0 for op in convs)
    supported = weights.dtype == torch.float32 and weights.device.type == "cpu"
    return BatchingStrategy(1, channels_last=aligned and supported and not is_small)


def stable_graph(
    network: nn.Module, data: Samples, task: Task, batch_size: int
) -> TracedGraph | None:
    """The graph, if the network processes each sample independently of the batch.

    The graph must be the same for two samples and for a batch, so that nothing branches on the
    number of samples, and a sample's input must not depend on the other samples in its batch.
    (Batch norm in train mode is an operation of the graph and so does not violate this.)

    Args:
        network: traced in its current mode; pass a copy.
        data: samples.
        task: how the network is called.
        batch_size: samples in a batch.
    """
    graph = trace_network(network, data[:MIN_SAMPLES], task)
    if graph is None:
        return None
    batch = data[:batch_size]
    graph_of_batch = trace_network(network, batch, task)
    if graph_of_batch is None or graph_of_batch.operations != graph.operations:
        return None
    dtype, half = next(network.parameters()).dtype, len(batch) // 2
    halves = [network_inputs(part, task, dtype) for part in (batch[:half], batch[half:])]
    return graph if torch.equal(torch.cat(halves), network_inputs(batch, task, dtype)) else None
