"""How a process treats memory that it has freed."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST, LARGEST_BEFORE_2_35 = 2**31 - 1, 2**25


def keep_freed_memory() -> None:
    """Use freed memory again instead of handing it back to the system and asking for it anew.

    Each step of a training frees arrays of some megabytes and asks for as many. By default glibc
    gives such arrays back at once, and the system fills the next ones with zeros, page by page,
    which takes up to a third of a step. The process stays as large as it was at its largest. A
    system without glibc is left as it is.

    Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    # To set one threshold stops malloc from adapting the other, so both or none.
    if mallopt(M_MMAP_THRESHOLD, LARGEST) or mallopt(M_MMAP_THRESHOLD, LARGEST_BEFORE_2_35):
        mallopt(M_TRIM_THRESHOLD, LARGEST)
