"""Training steps: milliseconds per network of every way, and the device's limits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import nn

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
STEPS = 30  # of an epoch of the made-up data
REPEATS = 3
SIDE_BY_SIDE = 5
COMPILING_SECONDS = 30.0  # below which compiling is not begun
EXACT: dict[str, Any] = {}  # float32, deterministic algorithms
AUTHORS: dict[str, Any] = {"benchmark": True, "deterministic": False}


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
        self, name: str, width: int, make: Callable[[int, int], Way], *, count: int = 1,
        batch: int | None = None, steps: int | None = None, **how: Any,
    ) -> None:  # fmt: skip
        """Note the milliseconds of a step of one of `count` networks.

        Args:
            name: of the way.
            width: of the networks.
            make: makes the way, given the width and the number of networks.
            count: number of networks.
            batch: samples of a step.
            steps: to time.
            how: as for `precision`.
        """
        batch = batch or self.batch
        key = f"k={width} B={batch} T={count} {name}"
        if time.monotonic() > self.end:
            self.note(key, skipped="no time left")
            return

        def measure() -> None:
            with precision(**how):
                began = time.monotonic()
                way = make(width, count)
                way.take(min(6, self.steps))
                self.wait()
                setup = time.monotonic() - began
                n, found = steps or self.steps, []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    way.take(n)
                    self.wait()
                    found.append(1e3 * (time.perf_counter() - began) / n / count)
                ms = statistics.median(found)
                self.note(
                    key, width=width, batch=batch, count=count, way=name, ms=ms,
                    spread=max(found) - min(found), samples_per_s=1e3 * batch / ms, setup_s=setup,
                )  # fmt: skip

        attempt(self.note, key, measure)
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


def run(settings: Settings, note: Note) -> None:
    """Time every way, the most important ones first."""
    timer = Timer(settings, note)
    widths = (1, 2) if settings.toy else (2, 8, 64)
    limits(timer)
    for width in widths:
        plain(timer, width)
        recorded(timer, width)
    for width in widths:
        side_by_side(timer, width)
        precisions(timer, width)
    other_batches(timer, widths)
    compiled(timer, widths[-1])


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


def plain(timer: Timer, width: int) -> None:
    """The authors' way, in the product's precision and in theirs, and the product's plain loop."""
    epoch = timer.data[: timer.steps * timer.batch]

    def make(workers: int, width: int, count: int) -> Way:
        return Plain(timer.nets(width, count), epoch, timer.recipe(), workers)

    processes = 0 if timer.settings.toy else 4
    timer.way("plain loop", width, partial(make, 0), **AUTHORS)
    timer.way(f"plain loop, {processes} loaders", width, partial(make, processes), **AUTHORS)
    timer.way(
        f"plain loop, {processes} loaders, tf32", width, partial(make, processes), tf32=True,
        **AUTHORS,
    )  # fmt: skip
    timer.way(
        "data on the device", width,
        lambda width, count: OnDevice(timer.nets(width, count), timer.data, timer.recipe()),
    )  # fmt: skip


def recorded(timer: Timer, width: int) -> None:
    """The product's recorded steps, of one network and of several on streams of their own."""

    def make(own_kernels: bool, width: int, count: int) -> Way:
        nets = timer.nets(width, count)
        return Replayed(nets, timer.data, timer.recipe(), own_kernels=own_kernels)

    counts = (1, 2) if timer.settings.toy else (1, 5, 10, 20) if width < 64 else (1, 2, 5)
    for count in counts:
        timer.way("recorded", width, partial(make, True), count=count)
    for count in counts[:2]:
        timer.way("recorded, torch's kernels", width, partial(make, False), count=count)


def side_by_side(timer: Timer, width: int) -> None:
    """Several networks in one graph."""
    count = 2 if timer.settings.toy or width >= 64 else SIDE_BY_SIDE
    rows = orders(count, timer.data, timer.batch, timer.steps)
    ways: dict[str, Callable[..., Way]] = {"grouped convolutions": grouped, "vmap": vmapped}
    if width < 64:
        ways["stacked matrix products"] = stacked
    for name, way in ways.items():

        def make(width: int, count: int, way: Callable[..., Way] = way) -> Way:
            nets = timer.nets(width, count)
            return way(nets, timer.data, timer.recipe(), rows, record=True)

        timer.way(name, width, make, count=count, steps=min(10, timer.steps))


def precisions(timer: Timer, width: int) -> None:
    """Lower precisions and other layouts of one recorded network."""
    rows = orders(1, timer.data, timer.batch, timer.steps)

    def make(options: dict[str, bool], width: int, count: int) -> Way:
        nets = timer.nets(width, count, channels_last=options.get("channels_last", False))
        return single(nets[0], timer.data, timer.recipe(), rows, record=True, **options)

    own, last = {"own_kernels": True}, {"channels_last": True}
    timer.way("tf32", width, partial(make, {}), tf32=True)
    timer.way("tf32, own kernels", width, partial(make, own), tf32=True)
    timer.way("tf32, channels last", width, partial(make, last), tf32=True)
    timer.way("bf16, channels last", width, partial(make, {**last, "bf16": True}))
    timer.way("any algorithm", width, partial(make, {}), **AUTHORS)


def other_batches(timer: Timer, widths: tuple[int, ...]) -> None:
    """The product's way at other batch sizes."""
    for batch in (4, 16) if timer.settings.toy else (32, 512):
        for width in widths:

            def make(width: int, count: int, batch: int = batch) -> Way:
                return Replayed(timer.nets(width, count), timer.data, timer.recipe(batch))

            count = 1 if width >= 64 else SIDE_BY_SIDE
            steps = min(len(timer.data) // batch, timer.steps)
            timer.way("recorded", width, make, count=count, batch=batch, steps=steps)


def compiled(timer: Timer, width: int) -> None:
    """torch.compile, which takes its time, if there is time."""
    if timer.settings.toy or timer.end - time.monotonic() < COMPILING_SECONDS:
        timer.note(f"k={width} torch.compile", skipped="no time left")
        return
    rows = orders(1, timer.data, timer.batch, timer.steps)

    def make(width: int, count: int) -> Way:
        nets = timer.nets(width, count)
        return single(nets[0], timer.data, timer.recipe(), rows, record=True, compiled="default")

    timer.way("torch.compile", width, make)
