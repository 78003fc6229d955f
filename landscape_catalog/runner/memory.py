"""Memory of a process: what an error says of it, and how C code allocates it."""

from __future__ import annotations

import ctypes
import gc
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from landscape_catalog.errors import OutOfMemoryError, is_out_of_memory

if TYPE_CHECKING:
    from landscape_catalog.runner.executor import Executor

WORKER_BYTES = 450 * 10**6  # of a worker with torch, without what it shares with the others
GPU_WORKER_BYTES = 800 * 10**6  # of a GPU: context, kernels and workspaces; a guess
RECORDED_BYTES = 300 * 10**6  # of a recorded step: workspaces in its graph's pool (an H100)
# What a worker may take of a GPU of which nothing is known, as on a cluster: the memory of a small
# one. It bounds what is computed at the same time; a job that needs more by itself is tried.
UNKNOWN_SHARE_BYTES = 8 * 10**9

# Constants of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST, LARGEST_BEFORE_2_35 = 2**31 - 1, 2**25


def gpu_share(executor: Executor) -> int:
    """Bytes that each worker may take of its GPU, after `Executor.expect`."""
    return UNKNOWN_SHARE_BYTES if executor.share is None else executor.share


@contextmanager
def named_memory_errors(advice: str = "") -> Iterator[None]:
    """Turn the various errors that say that memory is lacking into `OutOfMemoryError`.

    The memory that such an error holds is released, for the jobs that follow.

    Args:
        advice: what could be done, for the message; an error that is named already keeps its own.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        release_memory(error)
        if isinstance(error, OutOfMemoryError):
            raise
        words = f"{advice} ({error})" if advice else str(error)
        raise OutOfMemoryError(f"out of memory: {words}".rstrip(": ")) from error


def release_memory(error: BaseException) -> None:
    """Free what the frames of an error hold, and return the GPU's free memory to all processes.

    The frames of a traceback keep their variables alive, such as networks and activations, as long
    as the error is, and torch keeps freed memory of a GPU of any kind, which the other workers then
    lack.
    """
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            todo += [one.__cause__, one.__context__]
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


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
