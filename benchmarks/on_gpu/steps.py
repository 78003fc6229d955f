"""Training steps: milliseconds per network of every way, the most important ones first."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.on_gpu.engines import OnDevice, Plain, Replayed, orders, single
from benchmarks.on_gpu.part import Note, Settings
from benchmarks.on_gpu.side_by_side import grouped, stacked, vmapped
from benchmarks.on_gpu.step_timer import Timer, Way, limits

SIDE_BY_SIDE = 5
FEW = 10  # steps of ways whose first ones take long
COMPILING_SECONDS = 30.0  # below which compiling is not begun
AUTHORS: dict[str, Any] = {"benchmark": True, "deterministic": False}


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
    for width in widths:
        precisions(timer, width)
    other_batches(timer, widths)
    for width in widths:
        authors_precision(timer, width)
    compiled(timer, widths[-1])


def plain(timer: Timer, width: int) -> None:
    """The authors' way in the product's precision, and the product's plain loop."""
    make = partial(_plain_loop, timer)
    timer.way("plain loop", width, partial(make, 0), repeats=1, **AUTHORS)
    processes = _loaders(timer)
    timer.way(f"plain loop, {processes} loaders", width, partial(make, processes), **AUTHORS)
    timer.way(
        "data on the device", width,
        lambda width, count: OnDevice(timer.nets(width, count), timer.data, timer.recipe()),
    )  # fmt: skip


def authors_precision(timer: Timer, width: int) -> None:
    """The authors' way with TF32, for which cuDNN takes seconds to choose its kernels."""
    processes = _loaders(timer)
    timer.way(
        f"plain loop, {processes} loaders, tf32", width, partial(_plain_loop, timer, processes),
        steps=min(FEW, timer.steps), tf32=True, **AUTHORS,
    )  # fmt: skip


def _plain_loop(timer: Timer, workers: int, width: int, count: int) -> Way:
    epoch = timer.data[: timer.steps * timer.batch]
    return Plain(timer.nets(width, count), epoch, timer.recipe(), workers)


def _loaders(timer: Timer) -> int:
    """Processes of a DataLoader."""
    return 0 if timer.settings.toy else 4


def recorded(timer: Timer, width: int) -> None:
    """The product's recorded steps, of one network and of several on streams of their own."""

    def make(own_kernels: bool, width: int, count: int) -> Way:
        nets = timer.nets(width, count)
        return Replayed(nets, timer.data, timer.recipe(), own_kernels=own_kernels)

    counts = (1, 2) if timer.settings.toy else (1, 5, 10) if width < 64 else (1, 2)
    wide = width >= 64
    for count in counts:
        repeats = 1 if wide else None
        timer.way("recorded", width, partial(make, True), count=count, repeats=repeats)
    for count in counts[: 1 if wide else 2]:
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

        timer.way(name, width, make, count=count, steps=min(FEW, timer.steps))


def precisions(timer: Timer, width: int) -> None:
    """Lower precisions and other layouts of one recorded network."""
    rows = orders(1, timer.data, timer.batch, timer.steps)

    def make(options: dict[str, bool], width: int, count: int) -> Way:
        nets = timer.nets(width, count, channels_last=options.get("channels_last", False))
        return single(nets[0], timer.data, timer.recipe(), rows, record=True, **options)

    own, last = {"own_kernels": True}, {"channels_last": True}
    timer.way("tf32", width, partial(make, {}), tf32=True)
    timer.way("tf32, own kernels", width, partial(make, own), tf32=True)
    if timer.settings.device != "cpu":  # where oneDNN corrupts memory: `graphs.batching`
        timer.way("tf32, channels last", width, partial(make, last), tf32=True)
        timer.way("bf16, channels last", width, partial(make, {**last, "bf16": True}))
    timer.way("any algorithm", width, partial(make, {}), **AUTHORS)


def other_batches(timer: Timer, widths: tuple[int, ...]) -> None:
    """The product's way at other batch sizes."""
    for batch in (4, 16) if timer.settings.toy else (32, 512):
        for width in widths:

            def make(width: int, count: int, batch: int = batch) -> Way:
                return Replayed(timer.nets(width, count), timer.data, timer.recipe(batch))

            count = 1 if width >= 64 else 2 if timer.settings.toy else SIDE_BY_SIDE
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
