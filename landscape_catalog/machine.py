"""How much memory this machine has, and what it cannot hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Files of control groups, versions 2 and 1: limit and usage in bytes.
CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Memory:
    """Memory in bytes: all of it with swap space, and what can be allocated without swapping."""

    total: int
    available: int


def main_memory() -> Memory:
    """The memory of this machine, or of the container in which this process runs."""
    import psutil  # only where it is needed

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


def beyond_memory(size: int, total: int | None = None) -> str:
    """Why this machine cannot hold so many bytes at once, in words; empty if it can.

    Args:
        size: number of bytes.
        total: the machine's memory, if that has been asked already.
    """
    total = main_memory().total if total is None else total
    if size <= total:
        return ""
    return f"would take {shown_bytes(size)}, and this machine has {shown_bytes(total)} of memory"


def shown_bytes(size: float) -> str:
    """A size with its unit.

    >>> [shown_bytes(size) for size in (512, 3.24e9, 1.6e15)]
    ['512 bytes', '3.2 GB', '1600 TB']
    """
    power = 0
    while size >= 1000 and power < len(UNITS) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.1f}".removesuffix(".0") + f" {UNITS[power]}"
