"""Which Dask workers may compute: those whose results have the bits of every other worker's."""

from __future__ import annotations

import functools
import platform
import sys
import uuid
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.store.files import source_digest

# Packages whose version can change bits of a result or of the file that holds it.
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pyhessian", "safetensors", "pydantic")
PROCESS = uuid.uuid4().hex
"""Identifies this process: workers that share one also share torch's settings."""


@dataclass(frozen=True)
class Facts:
    """What decides about the bits of results in a process.

    Attributes:
        process: identifies the process.
        threads: number of jobs that it runs at a time.
        code: SHA-256 of the source of landscape_catalog.
        versions: versions of Python and of packages, by name.
        hardware: the device and the CPU, with the vector instructions that torch uses on it; None
            if it lacks the device.
    """

    process: str
    threads: int
    code: str
    versions: dict[str, str]
    hardware: str | None = None


def facts_of_driver() -> Facts:
    """The facts of this process, which computes nothing; torch is not imported."""
    return Facts(PROCESS, 1, _code(), _versions())


def facts_of_worker(threads: int, device: str) -> Facts:
    """The facts of this worker; imports torch."""
    return Facts(PROCESS, threads, _code(), _versions(), _hardware(device))


@functools.cache
def _code() -> str:
    folder = Path(__file__).parent.parent
    return source_digest(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*.py")
    )


def _versions() -> dict[str, str]:
    found = {"Python": ".".join(map(str, sys.version_info[:2]))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _hardware(device: str) -> str | None:
    import torch

    from landscape_catalog.runner.device import provenance

    if device != "cpu" and not torch.get_device_module(device).is_available():
        return None
    found = provenance(device)
    return f"{platform.system()} {found.cpu}, {found.device}"


def refusal(found: Facts | BaseException, driver: Facts, device: str) -> str | None:
    """Why a worker may not compute; None if it may.

    Args:
        found: its facts, or the error that asking for them raised.
        driver: the facts of the stage's process.
        device: the device to compute on.
    """
    if isinstance(found, BaseException):
        if is_out_of_memory(found):
            return f"its GPU has no memory left ({_words(found)})"
        return f"it has no landscape_catalog of this version ({_words(found)})"
    if found.threads != 1:
        return (
            f"it has {found.threads} threads, which would share torch's random state; start it "
            "with `--nthreads 1`"
        )
    if found.process == driver.process:
        return "it shares the process of the stage, and so torch's settings"
    other = [
        f"{name} {found.versions.get(name, 'none')} instead of {expected}"
        for name, expected in driver.versions.items()
        if found.versions.get(name) != expected
    ]
    if other:
        return f"it has {', '.join(other)}"
    if found.code != driver.code:
        return (
            "it has another version of landscape_catalog: its source has the hash "
            f"{found.code[:12]} instead of {driver.code[:12]}"
        )
    if found.hardware is None:
        return f"it has no device `{device}`"
    return None


def _words(error: Any) -> str:
    return f"{type(error).__name__}: {error}"
