"""Times ways of taking training steps, and the device's limits."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import nn

from benchmarks.on_gpu.engines import made_up, networks
from benchmarks.on_gpu.part import Note, Settings, going_on
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.training import Recipe

BATCH = 128
STEPS = 30  # of an epoch of the made-up data
WARM_STEPS = 6  # before the timing
REPEATS = 3


class Way(Protocol):
    """A way of taking steps."""

    def take(self, n: int) -> None:
        """Launch n steps of every network."""


@contextmanager
def precision(
    *, tf32: bool = False, benchmark: bool = False, deterministic: bool = True
) -> Iterator[None]:
    """How cuDNN and cuBLAS compute within the context."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    former = cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic
    try:
        cudnn.allow_tf32 = matmul.allow_tf32 = tf32
        cudnn.benchmark, cudnn.deterministic = benchmark, deterministic
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic = former


class Timer:
    """Times ways of taking steps, for as long as there is time."""

    def __init__(self, settings: Settings, note: Note) -> None:
        self.settings, self.note = settings, note
        self.end = time.monotonic() + settings.seconds
        self.steps = 2 if settings.toy else STEPS
        self.batch = 8 if settings.toy else BATCH
        self.repeats = 1 if settings.toy else REPEATS
        self.data = made_up(self.steps * self.batch * 4, settings.device)

    def way(
        self, name: str, width: int, make: Callable[[int, int], Way], *, count: int = 1,
        batch: int | None = None, steps: int | None = None, repeats: int | None = None, **how: Any,
    ) -> None:  # fmt: skip
        """Note the milliseconds of a step of one of `count` networks.

        Args:
            name: of the way.
            width: of the networks.
            make: makes the way, given the width and the number of networks.
            count: number of networks.
            batch: samples of a step.
            steps: to time.
            repeats: of the timing, of which the median counts; None: the timer's.
            how: as for `precision`.
        """
        batch = batch or self.batch
        key = f"k={width} B={batch} T={count} {name}"
        if time.monotonic() > self.end:
            self.note(key, skipped="no time left")
            return

        n = steps or self.steps

        def measure() -> None:
            with precision(**how):
                began = time.monotonic()
                way = make(width, count)
                way.take(min(WARM_STEPS, n))
                self.wait()
                setup = time.monotonic() - began
                found = []
                for _ in range(repeats or self.repeats):
                    began = time.perf_counter()
                    way.take(n)
                    self.wait()
                    found.append(1e3 * (time.perf_counter() - began) / n / count)
                ms = statistics.median(found)
                self.note(
                    key, width=width, batch=batch, count=count, way=name, ms=ms,
                    spread=max(found) - min(found), samples_per_s=1e3 * batch / ms, setup_s=setup,
                )  # fmt: skip

        with going_on(self.note, key):
            measure()
        gc.collect()  # a recorded step and its owner hold each other
        if self.settings.device == "cuda":
            torch.cuda.empty_cache()

    def wait(self) -> None:
        """Wait for the device."""
        if self.settings.device == "cuda":
            torch.cuda.synchronize()

    def recipe(self, batch: int | None = None) -> Recipe:
        """Plain SGD, for as long as one likes."""
        return Recipe(batch_size=batch or self.batch, lr=0.05, epochs=10**6)

    def nets(self, width: int, count: int, **how: Any) -> list[nn.Module]:
        """Networks on the device."""
        return networks(width, count, self.settings.device, **how)


def limits(timer: Timer) -> None:
    """Matrix products in three precisions, a copy, and the least time of a step at each width."""
    size, device = (64 if timer.settings.toy else 8192), timer.settings.device
    rates = {}
    for name, dtype, tf32 in (
        ("float32", torch.float32, False), ("tf32", torch.float32, True),
        ("bf16", torch.bfloat16, False),
    ):  # fmt: skip
        one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        with precision(tf32=tf32):
            rates[name] = 2e-12 * size**3 / _seconds(timer, partial(torch.matmul, one, other))
        timer.note(f"matrix product {name}", teraflops=rates[name])
    source = torch.randn(2**12 if timer.settings.toy else 2**29, device=device)
    target = torch.empty_like(source)
    seconds = _seconds(timer, lambda: target.copy_(source))
    timer.note("copy", terabytes_per_s=8e-12 * source.numel() / seconds)
    for width in (2, 8, 16, 64):
        forward = multiply_adds(
            name="resnet18", width=width, input_shape=(3, 32, 32), n_outputs=10, args={}
        )
        for name, rate in rates.items():
            ms = 1e3 * 2 * 3 * forward * BATCH / (rate * 1e12)
            timer.note(f"least time k={width} {name}", ms=ms, flops=6 * forward * BATCH)


def _seconds(timer: Timer, work: Callable[[], object]) -> float:
    times = []
    for _ in range(8):
        began = time.perf_counter()
        work()
        timer.wait()
        times.append(time.perf_counter() - began)
    return statistics.median(times[3:])
