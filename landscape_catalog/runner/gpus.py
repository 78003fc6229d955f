"""How many GPUs this process may use: NVIDIA's driver is asked directly, so torch is not imported.

The driver library heeds `CUDA_VISIBLE_DEVICES`, containers and MIG, as torch does through it, and
counting creates no context. Only GPUs of AMD and Apple are counted by torch itself.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import re
import sys
from pathlib import Path

KINDS = ("cuda", "mps")
VISIBLE = "CUDA_VISIBLE_DEVICES"
AMD_DRIVER = "/dev/kfd"  # exists on Linux if the driver is loaded
DRIVER_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
VERSION_UNIT = 1000  # the driver's version is 1000 * major + 10 * minor


@functools.cache
def usable_gpus(kind: str) -> int:
    """Number of GPUs of a kind (`cuda` or `mps`) that torch can use in this process."""
    if kind == "mps":
        return _asked_of_torch("mps") if sys.platform == "darwin" else 0
    built_for = built_for_gpus()
    if "cuda" in built_for:
        return driver_count(int(built_for["cuda"].split(".")[0]))
    return _asked_of_torch("cuda") if "hip" in built_for and Path(AMD_DRIVER).exists() else 0


def built_for_gpus() -> dict[str, str]:
    """The version of CUDA or HIP that torch was built with, if any, read from torch's own file."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return {}
    file = Path(found.origin).with_name("version.py")
    text = file.read_text() if file.is_file() else ""
    return dict(re.findall(r"^(cuda|hip)\b[^=\n]*= *'([\d.]+)", text, re.MULTILINE))


def driver_count(major: int) -> int:
    """Number of GPUs that NVIDIA's driver shows; 0 if it is older than a major version of CUDA.

    Source: CUDA Driver API, cuInit, cuDriverGetVersion and cuDeviceGetCount.
    """
    try:
        driver = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return 0
    version, count = ctypes.c_int(), ctypes.c_int()
    if (
        driver.cuInit(0) != 0
        or driver.cuDriverGetVersion(ctypes.byref(version)) != 0
        or version.value // VERSION_UNIT < major
        or driver.cuDeviceGetCount(ctypes.byref(count)) != 0
    ):
        return 0
    return count.value


def _asked_of_torch(kind: str) -> int:
    import torch

    module = torch.get_device_module(kind)
    return int(module.device_count()) if module.is_available() else 0


def only(index: int) -> dict[str, str]:
    """The variables with which a process sees one CUDA device: of those that this process sees.

    They must be set before the process uses CUDA; the device is then its `cuda:0`.
    """
    seen = os.environ.get(VISIBLE)
    return {VISIBLE: str(index) if seen is None else seen.split(",")[index].strip()}
