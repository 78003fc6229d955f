"""Which GPU each worker computes on: one where the memory that a job takes is free."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.machine import shown_bytes
from landscape_catalog.runner.gpus import only
from landscape_catalog.runner.worker_cache import WorkerCache

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placement:
    """What decides where workers compute.

    Attributes:
        devices: indices of the CUDA devices to use.
        workers: their number; None: one on each device with room.
        visible: number of CUDA devices that this process sees.
    """

    devices: tuple[int, ...]
    workers: int | None
    visible: int

    def before_asking(self, count: int) -> list[int]:
        """The device of each of `count` workers, one after the other, whatever memory they have."""
        return [self.devices[number % len(self.devices)] for number in range(count)]

    def places(self, free: Mapping[int, int], job_bytes: int) -> list[int]:
        """The device of each worker, in the order in which workers start.

        Without a number of workers, each device with room for a job gets one: CUDA lets the kernels
        of different processes take turns, while runs of built-in networks for images compute at the
        same time in one process.
        If no device has room, the one with the most free memory gets a worker. A given number is
        spread such that the smallest share of a worker is as large as possible.

        Args:
            free: bytes of each device that are free.
            job_bytes: bytes that a worker needs.

        >>> Placement((0, 1), None, 2).places({0: 70, 1: 15}, 10)
        [0, 1]
        >>> Placement((0, 1), 4, 2).places({0: 70, 1: 25}, 10)
        [0, 0, 1, 0]
        """
        if self.workers is None:
            found = [device for device in self.devices if free[device] >= job_bytes]
            return found or [max(self.devices, key=lambda device: free[device])]
        places: list[int] = []
        for _ in range(self.workers):
            places.append(max(self.devices, key=lambda d: free[d] / (1 + places.count(d))))
        return places

    def variables(self, places: Sequence[int]) -> list[dict[str, str]]:
        """Each worker's environment, in which it sees its own device alone."""
        if self.visible == 1:
            return [{} for _ in places]
        return [only(device) for device in places]


def smallest_share(free: Mapping[int, int], places: Sequence[int]) -> int:
    """Bytes that each worker may take on its device."""
    return min(free[device] // count for device, count in Counter(places).items())


def require_usable(found: Mapping[int, int | str]) -> dict[int, int]:
    """The free memory of each device.

    Args:
        found: what `free_memory` returned.

    Raises:
        SpecError: if torch cannot use one of them.
    """
    broken = {device: words for device, words in found.items() if isinstance(words, str)}
    if broken:
        named = "; ".join(f"GPU {device}: {words}" for device, words in broken.items())
        allowed = f"the indices of GPUs that torch can use, or `execution.device: cpu` ({named})"
        raise SpecError([Problem("execution.devices", repr(list(found)), allowed)])
    return {device: size for device, size in found.items() if isinstance(size, int)}


def log_places(free: Mapping[int, int], places: Sequence[int], job_bytes: int) -> None:
    """Say which GPUs are used, and warn if a job may need more memory than a worker has."""
    counts = Counter(places)
    for device in sorted(free):
        log.info("GPU %d: %s free, %d workers", device, shown_bytes(free[device]), counts[device])
    share = smallest_share(free, places)
    if share < job_bytes:
        log.warning(
            "a job may need %s of a GPU's memory, and a worker has %s: jobs may run out of memory"
            "%s",
            shown_bytes(job_bytes),
            shown_bytes(share),
            "; fewer `execution.workers` have more each" if len(places) > 1 else "",
        )


def free_memory(devices: Sequence[int], cache: WorkerCache) -> dict[int, int | str]:
    """Free bytes of each device, or why it cannot be used. Runs in a process that then ends.

    Asking creates a context on each device, which takes memory as long as the process lives.
    """
    import torch

    found: dict[int, int | str] = {}
    for device in devices:
        try:
            found[device] = torch.cuda.mem_get_info(device)[0]
        except (RuntimeError, AssertionError) as error:  # also if torch finds fewer devices
            found[device] = str(error).splitlines()[0]
    return found
