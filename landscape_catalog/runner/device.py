"""Choice of devices and number of workers, and the provenance of results."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner.gpus import usable_gpus
from landscape_catalog.runner.placement import Placement
from landscape_catalog.store.records import Provenance

MISSING = {"cuda": "torch finds no GPU", "mps": "torch finds no GPU of Apple"}
# Engines that use this machine's GPUs: all of them, or one since they compute in one process.
SEVERAL_GPUS, ONE_GPU = "local", "serial"


def chosen_device(execution: Execution) -> str:
    """The kind of device to compute on: `cuda`, `mps` or `cpu`.

    Raises:
        SpecError: if a GPU is requested but none is available.
    """
    device = execution.device
    if device == "auto":
        return "cuda" if usable_gpus("cuda") else "cpu"
    if device == "cpu" or execution.engine == "dask":
        return device  # the workers have the GPUs, and are asked for them when they are admitted
    if not usable_gpus(device):
        allowed = f"`auto` or `cpu` on this machine: {MISSING[device]}"
        raise SpecError([Problem("execution.device", repr(device), allowed)])
    return device


def chosen_devices(execution: Execution) -> Sequence[int]:
    """The indices of the GPUs to compute on, as torch counts them; none on a CPU or a cluster.

    Raises:
        SpecError: if a GPU is requested but not available, or `devices` fits neither the device,
            the machine nor the engine.
    """
    kind, given = chosen_device(execution), execution.devices
    has_gpus = kind != "cpu" and execution.engine in (SEVERAL_GPUS, ONE_GPU)
    count = usable_gpus(kind) if has_gpus else 0
    most = 1 if execution.engine == ONE_GPU else count
    if given == "auto":
        return range(min(count, most))
    wanted = range(given) if isinstance(given, int) else given
    if len(wanted) > most or any(index >= count for index in wanted):
        shown = repr(given if isinstance(given, int) else list(given))
        allowed = f"auto{_also_allowed(execution, kind, count)}"
        raise SpecError([Problem("execution.devices", shown, allowed)])
    return wanted


def _also_allowed(execution: Execution, kind: str, count: int) -> str:
    """What else than `auto` is allowed for `devices`, and why no more."""
    engine = execution.engine
    if engine == "dask":
        return ", since the workers of a Dask cluster have their own GPUs (docs/cluster.md)"
    if kind == "cpu":
        reason = MISSING["cuda"] if execution.device == "auto" else "`execution.device` is cpu"
        return f", since {reason}"
    if engine not in (SEVERAL_GPUS, ONE_GPU):
        return f", since the engine `{engine}` does not choose among GPUs"
    if count == 1:
        return ", 1 or [0], since torch finds one GPU"
    if engine == ONE_GPU:
        return f", 1 or a list of one index below {count}, since `{engine}` computes in one process"
    return f", a number up to {count} or a list of indices below {count}: torch finds {count} GPUs"


def chosen_workers(execution: Execution) -> int:
    """Number of jobs that run in parallel on this machine, before the GPUs' memory is known."""
    if execution.workers != "auto":
        return execution.workers
    devices = chosen_devices(execution)
    if devices:
        return len(devices)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chosen_placement(execution: Execution) -> Placement | None:
    """What decides which GPU each worker process gets; None without GPUs that CUDA can tell apart.

    Raises:
        SpecError: as `chosen_devices`.
    """
    devices = chosen_devices(execution)
    if not devices or chosen_device(execution) != "cuda":
        return None
    workers = None if execution.workers == "auto" else execution.workers
    return Placement(tuple(devices), workers, usable_gpus("cuda"))


def own_gpu(execution: Execution) -> int | None:
    """The index of the CUDA device for computing in this process; None: torch's current one."""
    placement = None if execution.devices == "auto" else chosen_placement(execution)
    return None if placement is None else placement.devices[0]


@contextmanager
def current_gpu(index: int | None) -> Iterator[None]:
    """Make a CUDA device torch's current one, which `cuda` stands for; None changes nothing."""
    if index is None:
        yield
        return
    import torch

    with torch.cuda.device(index):
        yield


def provenance(device: str) -> Provenance:
    """The software and hardware that results on this device are computed with; imports torch."""
    import torch

    from landscape_catalog.graphs.kernels.trial import WITHOUT, triton_batch_norm

    names = {"cuda": torch.cuda.get_device_name, "mps": lambda: "mps"}
    name = names[device]() if device in names else "cpu"
    if device == "cuda" and triton_batch_norm(torch.device(device)) is None:
        name += f", {WITHOUT}"
    cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return Provenance(torch=torch.__version__, device=name, cpu=cpu)
