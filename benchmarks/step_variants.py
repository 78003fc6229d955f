"""A training step of one network at 32 x 32: memory formats, `torch.compile`, and groups.

    python benchmarks/step_variants.py

ResNet18 k = 4 and 8 on random images of 3 x 32 x 32, batch size 128, one thread: milliseconds per
step and network, medians. *Side by side* is two networks in `graphs/stacked`, without optimiser.
The first call of a compiled network is stated beside it. docs/performance.md says what follows.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, median_seconds, seconds, table
from benchmarks.stacked_profile import stack_of
from landscape_catalog.models.build import build
from landscape_catalog.runner.memory import keep_freed_memory

SHAPE, BATCH_SIZE, CLASSES = (3, 32, 32), 128, 10
REPEATS, TOGETHER = 15, 2
FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def network_of(width: int, seed: int = 0) -> nn.Module:
    """A network in train mode."""
    return build(
        "resnet18", width=width, input_shape=SHAPE, n_outputs=CLASSES, seed=seed
    ).train()  # fmt: skip


def step_of(
    network: nn.Module, called: Callable[..., torch.Tensor], name: str
) -> Callable[[], None]:
    """A function that takes one step of SGD."""
    images = torch.randn(BATCH_SIZE, *SHAPE).contiguous(memory_format=FORMATS[name])
    labels = torch.randint(CLASSES, (BATCH_SIZE,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(called(images), labels).backward()
        optimizer.step()

    return step


def stacked_step(width: int) -> Callable[[], None]:
    """A function that computes values and gradients of `TOGETHER` networks side by side."""
    stack = stack_of(SHAPE, width, BATCH_SIZE, TOGETHER)
    inputs = torch.randn(TOGETHER, BATCH_SIZE, *SHAPE)

    def step() -> None:
        outputs = stack.forward(inputs)
        stack.backward(torch.randn_like(outputs))

    return step


def row(width: int) -> list[str]:
    """The times of one width."""
    found = [f"{width}"]
    for name, memory_format in FORMATS.items():
        network = network_of(width).to(memory_format=memory_format)  # type: ignore[call-overload]
        found.append(f"{1e3 * median_seconds(step_of(network, network, name), REPEATS):.1f}")
        torch.compiler.reset()
        compiled = step_of(network, torch.compile(network), name)
        first = seconds(compiled)
        found.append(f"{1e3 * median_seconds(compiled, REPEATS):.1f} ({first:.0f} s)")
    side_by_side = median_seconds(stacked_step(width), REPEATS) / TOGETHER
    return [*found, f"{1e3 * side_by_side:.1f}"]


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    keep_freed_memory()
    print(describe())
    head = ["k", "contiguous", "compiled", "channels last", "compiled", "side by side"]
    print(table(head, [row(width) for width in (4, 8)]))


if __name__ == "__main__":
    main()
