"""A second's measurement of how fast this machine is, compared with the one of the constants."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landscape_catalog.errors import StorageError
from landscape_catalog.runner.starting_speed import Calibration
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file
from landscape_catalog.store.notes import read_note

REPEATS = 15
# Shortest times of the three computations on the machine of the constants in `speed`.
OVERHEAD_SECONDS, CONVOLUTION_SECONDS, PRODUCTS_SECONDS = 1.35e-3, 7e-3, 1.4e-3


@dataclass(frozen=True)
class _Note:
    """What the file holds."""

    machine: str
    factors: Calibration


def measure_speed(device: str, cache: WorkerCache) -> Calibration:
    """Measure the speed of this machine. Runs in a worker as a job, since it imports torch.

    The overhead is that of training steps of a network of eight narrow layers; the arithmetic is
    that of a convolution with 16 channels on 8 x 8 and its derivatives, and of the batched matrix
    products that such a convolution is in a group. Which of the two is faster depends on the
    processor, because different libraries compute them.
    """
    import torch
    from torch import nn

    def layer(channels: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]

    small = nn.Sequential(*(part for _ in range(8) for part in layer(1))).to(device)
    large = nn.Conv2d(16, 16, 3, padding=1).to(device)
    few = torch.ones(8, 1, 8, 8, device=device)
    many = torch.ones(1024, 16, 8, 8, device=device, requires_grad=True)
    kernels, patches = (
        torch.ones(5, 16, 144, device=device),
        torch.ones(5, 144, 4096, device=device),
    )
    return Calibration(
        overhead=_shortest_seconds(lambda: _derive(small(few))) / OVERHEAD_SECONDS,
        convolutions=_shortest_seconds(lambda: _derive(large(many))) / CONVOLUTION_SECONDS,
        products=_shortest_seconds(lambda: torch.bmm(kernels, patches)) / PRODUCTS_SECONDS,
    )


def _derive(outputs: Any) -> Any:
    """A loss of the outputs, after its backward pass."""
    loss = outputs.square().mean()
    loss.backward()
    return loss


def _shortest_seconds(compute: Callable[[], Any]) -> float:
    """Shortest time of a computation, including the wait for a GPU."""

    def step() -> float:
        started = time.perf_counter()
        compute().sum().item()
        return time.perf_counter() - started

    step(), step()
    return min(step() for _ in range(REPEATS))


def read_calibration(path: Path, device: str) -> Calibration | None:
    """The calibration of this machine and device, if there is a valid one."""
    note = read_note(path, _Note)
    return note.factors if note is not None and note.machine == _machine(device) else None


def write_calibration(path: Path, device: str, calibration: Calibration) -> None:
    """Keep a calibration; a disk error is ignored, since it is only needed for estimates."""
    content = strict_json(asdict(_Note(_machine(device), calibration)))
    with contextlib.suppress(StorageError):
        write_file(path, content.encode())


def _machine(device: str) -> str:
    return f"{platform.node()} {platform.machine()} {device}"
