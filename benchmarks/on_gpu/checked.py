"""What the parts that check numbers share: comparisons, and checks that fail one by one."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from benchmarks.on_gpu.part import Note


@contextmanager
def going_on(note: Note, name: str) -> Iterator[None]:
    """Note an exception under the check's name, and go on with the next check."""
    try:
        yield
    except Exception as error:
        note(name, ok=False, error=described(error))


def described(error: Exception) -> str:
    """The type and message of an exception, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    message = " ".join(str(error).split())[:400]
    where = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}: {message}{where}"


def difference(found: Tensor, expected: Tensor) -> float:
    """||found - expected|| / ||expected||, computed in float64 on the CPU.

    The absolute difference if what was expected is zero; infinite if the shapes differ.
    """
    if found.shape != expected.shape:
        return float("inf")
    one, other = (value.detach().to("cpu", torch.float64) for value in (found, expected))
    distance, norm = float((one - other).norm()), float(other.norm())
    return distance / norm if norm else distance


def joined(tensors: Iterable[Tensor]) -> Tensor:
    """All values as one vector in float64 on the CPU, (values,)."""
    return torch.cat([value.detach().to("cpu", torch.float64).flatten() for value in tensors])


def compare(
    note: Note, name: str, value: float, allowed: float, **facts: float | int | str
) -> None:
    """Note an error and what is allowed; an error that is NaN is too large."""
    note(name, ok=bool(value <= allowed), value=value, allowed=allowed, **facts)
