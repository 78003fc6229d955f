"""Tuning of the C allocator for training."""

from __future__ import annotations

import ctypes
import sys

# Constants of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST, LARGEST_BEFORE_2_35 = 2**31 - 1, 2**25


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
