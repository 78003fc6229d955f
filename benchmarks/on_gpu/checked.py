"""What the parts that check numbers share: comparisons."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from benchmarks.on_gpu.part import Note


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
