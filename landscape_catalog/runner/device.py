"""Choice of device and number of workers, and the provenance of results."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.store.records import Provenance

WORKERS_ON_A_GPU = 2
# Files that exist on Linux if a GPU driver is loaded: NVIDIA, AMD, or WSL (Windows).
GPU_DRIVERS = ("/proc/driver/nvidia", "/dev/kfd", "/dev/dxg")


def chosen_device(execution: Execution) -> str:
    """The device to compute on: `cuda` or `cpu`.

    Raises:
        SpecError: if a GPU is requested but none is available.
    """
    if execution.device == "cpu":
        return "cpu"
    if execution.device == "cuda" and execution.engine == "dask":
        return "cuda"  # the workers have the GPUs, and are asked for them when they are admitted
    available = _has_gpu()
    if execution.device == "cuda" and not available:
        given, allowed = "'cuda'", "`auto` or `cpu` on this machine: torch finds no GPU"
        raise SpecError([Problem("execution.device", given, allowed)])
    return "cuda" if available else "cpu"


def _has_gpu() -> bool:
    """Whether torch can use a GPU; torch is not imported if the system has no GPU driver."""
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in GPU_DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def chosen_workers(execution: Execution) -> int:
    """Number of jobs that run in parallel on this machine."""
    if execution.workers != "auto":
        return execution.workers
    if chosen_device(execution) == "cuda":
        return WORKERS_ON_A_GPU
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def provenance(device: str) -> Provenance:
    """The software and hardware that results on this device are computed with; imports torch."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return Provenance(torch=torch.__version__, device=name, cpu=cpu)
