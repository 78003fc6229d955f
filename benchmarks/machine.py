"""What the machine can do at most, and how timings are taken and printed."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median of so many timed calls after one that is not timed."""
    work()
    return statistics.median(seconds(work) for _ in range(repeats))


def gigaflops(size: int = 1024, repeats: int = 5) -> float:
    """GFLOP/s of a float32 matrix product with the threads that torch has now."""
    one, other = torch.rand(size, size), torch.rand(size, size)
    return 2e-9 * size**3 / median_seconds(lambda: one @ other, repeats)


def copy_bandwidth(megabytes: int = 256, repeats: int = 5) -> float:
    """GB/s read and written when a tensor is copied that no cache holds."""
    source = torch.rand(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * 4e-9 * source.numel() / median_seconds(lambda: target.copy_(source), repeats)


def describe() -> str:
    """One line: cores, load, GFLOP/s, bandwidth, version of torch."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores (load {load:.1f}), {torch.get_num_threads()} threads: "
        f"{gigaflops():.0f} GFLOP/s, copy {copy_bandwidth():.1f} GB/s, torch {torch.__version__}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, Markdown."""
    lines = [[str(value) for value in row] for row in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
