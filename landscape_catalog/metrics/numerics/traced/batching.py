"""How networks with a program are best run: side by side, or one at a time in a layout."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.traced.operations import TracedGraph
from landscape_catalog.metrics.numerics.traced.trace import FEWEST, inputs_of, trace_network
from landscape_catalog.tasks import Samples, Task

# Numbers in the largest value of a batch: below it, calls cost more than arithmetic
# (`benchmarks/connectivity.py`).
SMALL_WORK = 2**16
FEWEST_TOGETHER, LARGEST_GROUP = 2, 8  # one network alone rounds in another way than several
# With other numbers of channels, oneDNN 3.12's backward convolutions for AVX2 corrupt memory in the
# channels-last layout (ResNet18 of k = 2 and 4, ONEDNN_MAX_CPU_ISA=AVX2).
CHANNELS = 8


@dataclass(frozen=True)
class BatchingStrategy:
    """How many networks at once, and in which layout images lie.

    Attributes:
        together: networks side by side at most; 1: one after the other.
        channels_last: channels of a pixel lie side by side, as oneDNN's kernels like them; images
            of one channel lie both ways, and kernels choose.
    """

    together: int
    channels_last: bool

    def laid(self, inputs: Tensor) -> Tensor:
        """Images in the layout; anything else as it is."""
        if self.channels_last and inputs.ndim == 4:
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def groups(self, count: int) -> list[list[int]]:
        """Numbers 0 to count - 1 in groups that run at a time; a lone one twice, if with others.

        >>> BatchingStrategy(8, channels_last=False).groups(9)
        [[0, 1, 2, 3, 4, 5, 6, 7], [8, 8]]
        >>> BatchingStrategy(1, channels_last=False).groups(2)
        [[0], [1]]
        """
        every = list(range(count))
        groups = [every[i : i + self.together] for i in range(0, count, self.together)]
        if self.together >= FEWEST_TOGETHER and groups and len(groups[-1]) == 1:
            groups[-1] *= FEWEST_TOGETHER
        return groups


def batching_strategy(graph: TracedGraph, batch_size: int, weights: Tensor) -> BatchingStrategy:
    """What follows from shapes, the kind of numbers and the device alone, never from a stopwatch.

    Args:
        program: of the networks.
        batch_size: samples at a time.
        weights: any of a network's.
    """
    if batch_size * graph.largest <= SMALL_WORK:
        return BatchingStrategy(LARGEST_GROUP, channels_last=False)
    convs = [op for op in graph.operations if op.kind == "conv"]
    filled = bool(convs) and all(op.channels % CHANNELS == 0 for op in convs)
    fitting = weights.dtype == torch.float32 and weights.device.type == "cpu"
    return BatchingStrategy(1, channels_last=filled and fitting)


def stable_graph(
    network: nn.Module, data: Samples, task: Task, batch_size: int
) -> TracedGraph | None:
    """The program, if it is the same for two samples and for a batch: no branch on their number.

    Nor does the network's input depend on which samples are asked for together.

    Args:
        network: watched in the mode that it is in; give a copy.
        data: samples.
        task: how the network is called.
        batch_size: samples of a batch.
    """
    few = trace_network(network, data[:FEWEST], task)
    if few is None:
        return None
    batch = data[:batch_size]
    many = trace_network(network, batch, task)
    if many is None or many.operations != few.operations:
        return None
    dtype, half = next(network.parameters()).dtype, len(batch) // 2
    halves = [inputs_of(part, task, dtype) for part in (batch[:half], batch[half:])]
    return few if torch.equal(torch.cat(halves), inputs_of(batch, task, dtype)) else None
