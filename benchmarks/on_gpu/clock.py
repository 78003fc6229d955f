"""Timings on a device, and the networks and images that are timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape_catalog.models.build import build
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.tasks import Classification, Samples

CLASSES, SHAPE = 10, (3, 32, 32)
TASK = Classification((0.5,) * 3, (0.25,) * 3)


@dataclass(frozen=True)
class Timing:
    """Median of repeated timings in milliseconds, with the shortest and the longest."""

    ms: float
    shortest: float
    longest: float

    def facts(self, plain: Timing | None = None) -> dict[str, Any]:
        """What is noted: the figures, and how many times faster it is than the plain way."""
        spread = [round(self.shortest, 4), round(self.longest, 4)]
        found: dict[str, Any] = {"ms": round(self.ms, 4), "spread": spread}
        return found if plain is None else found | {"ratio": round(plain.ms / self.ms, 3)}


def synchronise(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(work: Callable[[], object], device: str) -> float:
    """Wall-clock time of one call and of the work that it leaves to the device."""
    synchronise(device)
    start = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - start


def timed(
    work: Callable[[], object], device: str, *, repeats: int = 5, per: int = 1, warm: int = 1
) -> Timing:
    """The time of one of the `per` equal parts of a call, after calls that warm up."""
    for _ in range(warm):
        work()
    return _timing([seconds(work, device) / per for _ in range(repeats)])


def timed_steps(
    work: Callable[[int], object], device: str, steps: tuple[int, int], *, repeats: int = 3
) -> Timing:
    """The time of a step without what a call does before its first: (t(many) - t(few)) / steps.

    Args:
        work: called with a number of steps.
        device: where it is done.
        steps: of a short and of a long call.
        repeats: pairs of calls, after a short one that warms up.
    """
    few, many = steps
    work(few)
    found = []
    for _ in range(repeats):
        short, long = seconds(lambda: work(few), device), seconds(lambda: work(many), device)
        found.append((long - short) / (many - few))
    return _timing(found)


def _timing(found: list[float]) -> Timing:
    return Timing(*(1000 * value for value in (statistics.median(found), min(found), max(found))))


@contextmanager
def plain_settings(*, benchmark: bool = False) -> Iterator[None]:
    """torch's own settings, but for TF32, which is off: any kernels, and all threads.

    Args:
        benchmark: whether cuDNN times its kernels to choose one, as the authors' code lets it.
    """
    threads = torch.get_num_threads()
    with reproducible():
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = False
        torch.backends.cudnn.benchmark = benchmark
        yield


def images(n: int, device: str) -> Samples:
    """Made-up images of ten classes."""
    draw = np.random.Generator(np.random.Philox(key=0))
    pixels = draw.integers(256, size=(n, *SHAPE), dtype=np.uint8)
    labels = draw.integers(CLASSES, size=n)
    return Samples(torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device))


def network(width: int, device: str, seed: int = 0) -> nn.Module:
    """A ResNet18 with initial weights and with batch-norm statistics of some images."""
    made = build("resnet18", width=width, input_shape=SHAPE, n_outputs=CLASSES, seed=seed)
    made.to(device).train()
    with torch.no_grad():
        made(TASK.inputs(images(100, device).inputs))
    return made.eval()
