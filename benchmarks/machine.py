"""The machine's peak performance, and utilities for taking and printing timings."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

VERSIONS = ("torch", "torchvision", "numpy", "dvc")


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


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use this number of torch threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts() -> dict[str, Any]:
    """The machine, its speed with one thread and with all, and versions, as JSON values."""
    rates = {}
    for name, count in (("one", 1), ("all", cores())):
        with threads(count):
            rates[f"gigaflops_{name}"] = round(gigaflops(), 1)
            rates[f"copy_gigabytes_{name}"] = round(copy_bandwidth(), 1)
    return {
        "processor": _processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 2),
        **rates,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in VERSIONS},
    }


class OtherWork:
    """How much of the machine other processes take: the first thing to look at if a figure is odd.

    Args:
        processes: ids of the processes that belong to the benchmark, in addition to this one.
    """

    def __init__(self, processes: Sequence[int] = ()) -> None:
        self._processes = [psutil.Process(number) for number in (os.getpid(), *processes)]
        self._started, self._before = time.perf_counter(), self._foreign()

    def share(self) -> float:
        """Share of the cores that other processes have used since this object was made."""
        elapsed = time.perf_counter() - self._started
        return max(0.0, self._foreign() - self._before) / elapsed / cores()

    def _foreign(self) -> float:
        """Seconds of all cores' work, less those of the benchmark's processes."""
        every = psutil.cpu_times()
        own = [process.cpu_times() for process in self._processes]
        return every.user + every.nice + every.system - sum(t.user + t.system for t in own)


def _processor() -> str:
    """The name of the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with aligned columns."""
    lines = [[str(value) for value in row] for row in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
