"""Memory of a process: what an error says of it, and how C code allocates it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from landscape_catalog.errors import OutOfMemoryError

WORKER_BYTES = 450 * 10**6  # of a worker with torch, without what it shares with the others
GPU_WORKER_BYTES = 800 * 10**6  # of a GPU: context, kernels and workspaces; a guess
# Words of torch's errors that have no type of their own: on the CPU, and on Apple's GPU.
ALLOCATORS = ("DefaultCPUAllocator", "MPS backend out of memory")

# Constants of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST, LARGEST_BEFORE_2_35 = 2**31 - 1, 2**25


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of Python, NumPy or torch says that memory could not be allocated."""
    is_torch = isinstance(error, RuntimeError) and any(words in str(error) for words in ALLOCATORS)
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
