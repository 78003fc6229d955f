"""Training steps: milliseconds per network of every way, in the order of `step_plan`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from benchmarks.on_gpu.engines import OnDevice, Plain, Replayed, single
from benchmarks.on_gpu.part import Note, Settings
from benchmarks.on_gpu.side_by_side import grouped, stacked, vmapped
from benchmarks.on_gpu.step_plan import LOADERS, Case, plan
from benchmarks.on_gpu.step_timer import Timer, Way, limits

Make = Callable[[Timer, Case], Way]
# As the authors set cuDNN: it chooses algorithms by timing, also those that are not deterministic.
AUTHORS: dict[str, Any] = {"benchmark": True, "deterministic": False}

# On a CPU, where its convolutions with the channels last corrupt memory (`graphs.batching`).
WITHOUT_ONEDNN: dict[str, Any] = {"onednn": False}


def run(settings: Settings, note: Note) -> None:
    """Time every case, the most important ones first."""
    timer = Timer(settings, note)
    limits(timer)
    for case in plan(toy=settings.toy):
        make, how = WAYS[case.way]
        if case.way != "recorded":  # whose recipe says it
            how = how | {"tf32": case.precision == "tf32"}
        timer.time(case, partial(make, timer), **how)


def _plain(timer: Timer, case: Case, *, workers: int = 0) -> Way:
    """The authors' way, in one epoch of as many batches as steps."""
    epoch = timer.data[: case.steps * case.batch]
    return Plain(timer.nets(case), epoch, timer.recipe(case), workers)


def _loaded(timer: Timer, case: Case) -> Way:
    """The same with processes that load the data."""
    return _plain(timer, case, workers=1 if timer.settings.toy else LOADERS)


def _on_device(timer: Timer, case: Case) -> Way:
    return OnDevice(timer.nets(case), timer.data, timer.recipe(case))


def _recorded(timer: Timer, case: Case, *, own_kernels: bool = True) -> Way:
    """The product's."""
    nets, recipe = timer.nets(case), timer.recipe(case)
    return Replayed(nets, timer.data, recipe, own_kernels=own_kernels)


def _side_by_side(timer: Timer, case: Case, *, way: Callable[..., Way], **how: bool) -> Way:
    return way(timer.nets(case), timer.data, timer.recipe(case), timer.rows(case), **how)


def _single(timer: Timer, case: Case, **how: Any) -> Way:
    (net,) = timer.nets(case, channels_last=how.get("channels_last", False))
    bf16 = case.precision == "bf16"
    return single(net, timer.data, timer.recipe(case), timer.rows(case), bf16=bf16, **how)


def compiled(timer: Timer, case: Case) -> Way:
    """One network by torch.compile; a toy has few layers, since compiling takes its time."""
    (net,) = [small_network()] if timer.settings.toy else timer.nets(case)
    net.to(timer.settings.device).train()
    return single(net, timer.data, timer.recipe(case), timer.rows(case), compiled="default")


def small_network() -> nn.Module:
    """A convolution, batch norm and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * 8 * 8, 10),
    )  # fmt: skip


WAYS: dict[str, tuple[Make, dict[str, Any]]] = {
    "recorded": (_recorded, {}),
    "recorded, torch's kernels": (partial(_recorded, own_kernels=False), {}),
    "plain loop": (_plain, AUTHORS),
    "plain loop, loaders": (_loaded, AUTHORS),
    "data on the device": (_on_device, {}),
    "torch.compile": (compiled, {}),
    "grouped convolutions": (partial(_side_by_side, way=grouped), {}),
    "grouped convolutions, channels last": (
        partial(_side_by_side, way=grouped, channels_last=True), WITHOUT_ONEDNN,
    ),
    "vmap": (partial(_side_by_side, way=vmapped), {}),
    "stacked matrix products": (partial(_side_by_side, way=stacked), {}),
    "channels last": (partial(_single, channels_last=True), WITHOUT_ONEDNN),
    "any algorithm": (_single, AUTHORS),
}  # fmt: skip
