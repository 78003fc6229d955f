"""The machine's peak performance, and utilities for taking and printing timings."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median time of `repeats` calls, after a warm-up call."""
    work()
    return statistics.median(seconds(work) for _ in range(repeats))


def gigaflops(size: int = 1024, repeats: int = 5) -> float:
    """GFLOP/s of a float32 matrix product with torch's current number of threads."""
    one, other = torch.rand(size, size), torch.rand(size, size)
    return 2e-9 * size**3 / median_seconds(lambda: one @ other, repeats)


def copy_bandwidth(megabytes: int = 256, repeats: int = 5) -> float:
    """GB/s read and written when copying a tensor that does not fit the caches."""
    source = torch.rand(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * 4e-9 * source.numel() / median_seconds(lambda: target.copy_(source), repeats)


def describe() -> str:
    """A line with cores, load, GFLOP/s, bandwidth and the version of torch."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores (load {load:.1f}), {torch.get_num_threads()} threads: "
        f"{gigaflops():.0f} GFLOP/s, copy {copy_bandwidth():.1f} GB/s, torch {torch.__version__}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with aligned columns."""
    lines = [[str(value) for value in row] for row in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
