"""Memory of this machine: what is free, what an error says of it, and how C code allocates it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from landscape_catalog.errors import OutOfMemoryError

# Constants of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST, LARGEST_BEFORE_2_35 = 2**31 - 1, 2**25

# Files of control groups, versions 2 and 1: limit and usage in bytes.
CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


@dataclass(frozen=True)
class Memory:
    """Memory in bytes: all of it with swap space, and what can be allocated without swapping."""

    total: int
    available: int


def main_memory() -> Memory:
    """The memory of this machine, or of the container in which this process runs."""
    machine = psutil.virtual_memory()
    total = int(machine.total + psutil.swap_memory().total)
    available = int(machine.available)
    for limit, usage in CONTROL_GROUPS:
        try:
            most, used = int(Path(limit).read_text()), int(Path(usage).read_text())
        except (OSError, ValueError):  # no control group, or `max`: no limit
            continue
        if most < total:
            total, available = most, min(available, max(most - used, 0))
    return Memory(total, available)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of Python, NumPy or torch says that memory could not be allocated."""
    is_torch = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or is_torch


@contextmanager
def named_memory_errors() -> Iterator[None]:
    """Turn the various errors that say that memory is lacking into `OutOfMemoryError`."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(f"out of memory: {error}".rstrip(": ")) from error
        raise


def keep_freed_memory() -> None:
    """Make malloc reuse freed memory instead of returning it to the operating system.

    Each training step frees and reallocates arrays of several megabytes. By default glibc returns
    such arrays to the system immediately, which then zeroes the pages of the next ones; this takes
    up to a third of a step. The price is that the process keeps its peak memory. On systems
    without glibc this does nothing.

    Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    # Setting one threshold stops malloc from adapting the other, so set both or neither.
    if mallopt(M_MMAP_THRESHOLD, LARGEST) or mallopt(M_MMAP_THRESHOLD, LARGEST_BEFORE_2_35):
        mallopt(M_TRIM_THRESHOLD, LARGEST)
