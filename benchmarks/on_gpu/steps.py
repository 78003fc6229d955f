"""Training steps: milliseconds per network of every way, and of the device's limit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from benchmarks.on_gpu.engines import (
    OnDevice,
    Plain,
    Replayed,
    grouped,
    made_up,
    networks,
    orders,
    single,
    stacked,
    vmapped,
)
from benchmarks.on_gpu.part import Note, Settings, attempt
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.training import Recipe

BATCH = 128
STEPS = 100  # of an epoch of the made-up data
REPEATS = 3
COMPILED_SECONDS = 100.0  # what compiling once may take


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
        self.data = made_up(self.steps * self.batch * 4, settings.device)

    def way(
        self, name: str, make: Callable[[], Way], *, width: int, count: int = 1,
        batch: int | None = None, steps: int | None = None, **how: Any,
    ) -> None:  # fmt: skip
        """Note the milliseconds of a step of one of `count` networks."""
        batch = batch or self.batch
        key = f"k={width} B={batch} T={count} {name}"
        if time.monotonic() > self.end:
            self.note(key, skipped="no time left")
            return

        def measure() -> None:
            with precision(**how):
                began = time.monotonic()
                way = make()
                way.take(min(8, self.steps))
                self._wait()
                setup = time.monotonic() - began
                n = steps or self.steps
                found = []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    way.take(n)
                    self._wait()
                    found.append(1e3 * (time.perf_counter() - began) / n / count)
                ms = statistics.median(found)
                self.note(
                    key, width=width, batch=batch, count=count, way=name, ms=ms,
                    spread=max(found) - min(found), samples_per_s=1e3 * batch / ms,
                    setup_s=setup, **self._memory(),
                )  # fmt: skip

        attempt(self.note, key, measure)
        if self.settings.device == "cuda":
            torch.cuda.empty_cache()

    def _wait(self) -> None:
        if self.settings.device == "cuda":
            torch.cuda.synchronize()

    def _memory(self) -> dict[str, float]:
        if self.settings.device != "cuda":
            return {}
        peak = torch.cuda.max_memory_reserved() / 2**20
        torch.cuda.reset_peak_memory_stats()
        return {"reserved_mib": round(peak, 1)}


def run(settings: Settings, note: Note) -> None:
    """Time every way, the most important ones first."""
    timer = Timer(settings, note)
    limits(timer)
    widths = (1, 2) if settings.toy else (2, 8, 64)
    for width in widths:
        main_ways(timer, width)
    for width in widths:
        other_ways(timer, width)
    further(timer, widths)
    compiled(timer, widths)


def limits(timer: Timer) -> None:
    """Matrix products in three precisions, a copy, and the least time of a step at each width."""
    size, device = (64 if timer.settings.toy else 8192), timer.settings.device
    rates = {}
    kinds = {
        "float32": (torch.float32, False),
        "tf32": (torch.float32, True),
        "bf16": (torch.bfloat16, False),
    }
    for name, (dtype, tf32) in kinds.items():
        one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        with precision(tf32=tf32):
            rates[name] = 2e-12 * size**3 / _seconds(timer, lambda: one @ other)
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
        timer._wait()
        times.append(time.perf_counter() - began)
    return statistics.median(times[3:])


def main_ways(timer: Timer, width: int) -> None:
    """The plain loop, the product's loop, and recorded steps, alone and on streams."""
    device, data = timer.settings.device, timer.data
    recipe = Recipe(batch_size=timer.batch, lr=0.05, epochs=10**6)
    epoch = data[: timer.steps * timer.batch]
    toy = timer.settings.toy
    for workers in (0,) if toy else (0, 4):
        timer.way(
            f"plain loop, {workers} loader processes",
            lambda w=workers: Plain(networks(width, 1, device), epoch, recipe, w),
            width=width, deterministic=False,
        )  # fmt: skip
    timer.way(
        "data on device", lambda: OnDevice(networks(width, 1, device), data, recipe), width=width
    )
    counts = (1, 2) if toy else (1, 2, 5, 10, 20) if width < 64 else (1, 2, 5)
    for count in counts:
        timer.way(
            "graphs on streams",
            lambda c=count: Replayed(networks(width, c, device), data, recipe),
            width=width, count=count,
        )  # fmt: skip
    rows = {c: orders(c, data, timer.batch, timer.steps) for c in counts}
    for count in [c for c in counts if c > 1]:
        if width < 64:
            timer.way(
                "stacked, graph",
                lambda c=count: stacked(networks(width, c, device), data, recipe, rows[c], record=True),
                width=width, count=count,
            )  # fmt: skip


def other_ways(timer: Timer, width: int) -> None:
    """Grouped convolutions, vmap, other layouts, and cuDNN's own choice of algorithms."""
    device, data, toy = timer.settings.device, timer.data, timer.settings.toy
    recipe = Recipe(batch_size=timer.batch, lr=0.05, epochs=10**6)
    count = 2 if toy or width >= 64 else 5
    rows, one = (orders(c, data, timer.batch, timer.steps) for c in (count, 1))
    for channels_last in (False, True):
        timer.way(
            "grouped convolutions, graph" + ", channels last" * channels_last,
            lambda c=channels_last: grouped(
                networks(width, count, device), data, recipe, rows, record=True, channels_last=c
            ),
            width=width, count=count, steps=min(30, timer.steps),
        )  # fmt: skip
    timer.way(
        "vmap, graph",
        lambda: vmapped(networks(width, count, device), data, recipe, rows, record=True),
        width=width, count=count, steps=min(30, timer.steps),
    )  # fmt: skip
    kinds: dict[str, dict[str, Any]] = {
        "graph, channels last": {"channels_last": True},
        "graph, benchmark": {"benchmark": True},
        "graph, benchmark, not deterministic": {"benchmark": True, "deterministic": False},
        "graph, channels last, benchmark": {"channels_last": True, "benchmark": True},
    }
    for name, how in kinds.items():
        last = how.pop("channels_last", False)
        timer.way(
            name,
            lambda c=last: single(
                networks(width, 1, device, channels_last=c)[0], data, recipe, one, record=True,
                channels_last=c,
            ),
            width=width, **how,
        )  # fmt: skip


def further(timer: Timer, widths: tuple[int, ...]) -> None:
    """Other batches, TF32 and bfloat16, and the authors' settings of the plain loop."""
    device, data = timer.settings.device, timer.data
    for width in widths:
        recipe = Recipe(batch_size=timer.batch, lr=0.05, epochs=10**6)
        one = orders(1, data, timer.batch, timer.steps)
        for last in (False, True):
            for name, tf32, bf16 in (("tf32", True, False), ("bf16", False, True)):
                timer.way(
                    f"graph, {name}" + ", channels last" * last,
                    lambda b=bf16, c=last: single(
                        networks(width, 1, device, channels_last=c)[0], data, recipe, one,
                        record=True, bf16=b, channels_last=c,
                    ),
                    width=width, tf32=tf32,
                )  # fmt: skip
        if width != 64 and not timer.settings.toy:
            timer.way(
                "graphs on streams, tf32",
                lambda: Replayed(networks(width, 5, device), data, recipe),
                width=width, count=5, tf32=True,
            )  # fmt: skip
        timer.way(
            "plain loop, tf32, benchmark, 4 loader processes",
            lambda: Plain(
                networks(width, 1, device), data[: timer.steps * timer.batch], recipe,
                0 if timer.settings.toy else 4,
            ),
            width=width, tf32=True, benchmark=True, deterministic=False,
        )  # fmt: skip
        for batch in (4, 16) if timer.settings.toy else (32, 512):
            steps = len(data) // batch
            other = Recipe(batch_size=batch, lr=0.05, epochs=10**6)
            for count in (1, 2 if width >= 64 else 5):
                timer.way(
                    "graphs on streams",
                    lambda c=count, r=other: Replayed(networks(width, c, device), data, r),
                    width=width, count=count, batch=batch, steps=min(steps, timer.steps),
                )  # fmt: skip


def compiled(timer: Timer, widths: tuple[int, ...]) -> None:
    """torch.compile, which takes its time, for as long as there is time."""
    device, data = timer.settings.device, timer.data
    recipe = Recipe(batch_size=timer.batch, lr=0.05, epochs=10**6)
    if timer.settings.toy:
        return
    for width in widths[-1:]:
        if timer.end - time.monotonic() < COMPILED_SECONDS / 3:
            timer.note(f"torch.compile k={width}", skipped="no time left")
            return
        one = orders(1, data, timer.batch, timer.steps)
        timer.way(
            "torch.compile, graph",
            lambda: single(networks(width, 1, device)[0], data, recipe, one, record=True, compiled="default"),
            width=width,
        )  # fmt: skip
