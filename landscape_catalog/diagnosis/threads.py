"""How many threads a network is computed with, from the size of its operations."""

from __future__ import annotations

from torch import nn

from landscape_catalog.metrics.numerics.flops import count_multiply_adds
from landscape_catalog.tasks import Samples, Task

# Multiply-adds of an operation, about a millisecond of one thread. The threads of an operation wait
# for the last one. If another process holds that one's core, the wait is a time slice of some
# milliseconds, at each of the thousands of operations of a curve.
WORTH_SHARING = 10_000_000


def threads_for(
    network: nn.Module, samples: Samples, task: Task, batch_size: int, available: int
) -> int:
    """One thread for a network of small operations, else all of them.

    The rule depends on network and data alone, so that one machine gives the same bits whenever it
    computes. Operations are counted by the modules that hold parameters.

    Args:
        network: not modified.
        samples: of which two are looked at.
        task: how the network is called.
        batch_size: of the steps that take most of the time.
        available: threads that torch would use.
    """
    found = count_multiply_adds(network, samples, task)
    if available == 1 or found.count is None:
        return available
    layers = sum(1 for one in network.modules() if any(True for _ in one.parameters(recurse=False)))
    return available if found.count * batch_size >= WORTH_SHARING * max(1, layers) else 1
