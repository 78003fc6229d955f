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
from torch import Tensor, nn

from benchmarks.on_gpu.engines import made_up, networks, orders
from benchmarks.on_gpu.part import Note, Settings, going_on
from benchmarks.on_gpu.step_plan import BATCH, STEPS, WARM_STEPS, Case
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.training import Recipe


class Way(Protocol):
    """A way of taking steps."""

    def take(self, n: int) -> None:
        """Launch n steps of every network."""

    def release(self) -> None:
        """Free what it holds besides its networks."""


@contextmanager
def precision(
    *, tf32: bool = False, benchmark: bool = False, deterministic: bool = True, onednn: bool = True
) -> Iterator[None]:
    """How cuDNN, cuBLAS and oneDNN compute within the context."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    mkldnn: Any = torch.backends.mkldnn
    former = cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic
    was_enabled = mkldnn.enabled
    try:
        cudnn.allow_tf32 = matmul.allow_tf32 = tf32
        cudnn.benchmark, cudnn.deterministic = benchmark, deterministic
        mkldnn.enabled = onednn
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic = former
        mkldnn.enabled = was_enabled


class Timer:
    """Times ways of taking steps, for as long as there is time."""

    def __init__(self, settings: Settings, note: Note) -> None:
        self.settings, self.note = settings, note
        self.data = made_up(64 if settings.toy else 4 * STEPS * BATCH, settings.device)

    def time(self, case: Case, make: Callable[[Case], Way], **how: Any) -> None:
        """Note the milliseconds of a step of one of a case's networks.

        `setup_s` is the time until the first step that is timed: networks are built, work is
        recorded, kernels are compiled and chosen, and steps are taken to warm up.

        Args:
            case: what is timed.
            make: makes the way.
            how: as for `precision`.
        """
        if not self.settings.has_time(self.note, case.name):
            return
        with going_on(self.note, case.name), precision(**how):
            began = time.monotonic()
            way = make(case)
            try:
                way.take(min(WARM_STEPS, case.steps))
                self.wait()
                self._note(case, [self._once(way, case) for _ in range(case.repeats)], began)
            finally:
                way.release()
        gc.collect()  # a recorded step and its owner hold each other
        if self.settings.device == "cuda":
            torch.cuda.empty_cache()

    def _once(self, way: Way, case: Case) -> tuple[float, float]:
        """When it began, and the milliseconds of a step of one network."""
        began = time.monotonic()
        way.take(case.steps)
        self.wait()
        return began, 1e3 * (time.monotonic() - began) / case.steps / case.count

    def _note(self, case: Case, found: list[tuple[float, float]], began: float) -> None:
        times = [ms for _, ms in found]
        ms = statistics.median(times)
        self.note(
            case.name, way=case.way, width=case.width, batch=case.batch, count=case.count,
            precision=case.precision, ms=ms, spread=[min(times), max(times)],
            repeats=case.repeats, steps=case.steps, samples_per_s=1e3 * case.batch / ms,
            setup_s=round(found[0][0] - began, 2),
        )  # fmt: skip

    def wait(self) -> None:
        """Wait for the device."""
        if self.settings.device == "cuda":
            torch.cuda.synchronize()

    def recipe(self, case: Case) -> Recipe:
        """SGD, for as long as one likes."""
        precision: Any = case.precision
        return Recipe(batch_size=case.batch, lr=0.05, epochs=10**6, precision=precision)

    def nets(self, case: Case, **how: Any) -> list[nn.Module]:
        """Networks on the device."""
        return networks(case.width, case.count, self.settings.device, **how)

    def rows(self, case: Case) -> Tensor:
        """The rows of each step of each network."""
        return orders(case.count, self.data, case.batch, max(case.steps, WARM_STEPS))


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
