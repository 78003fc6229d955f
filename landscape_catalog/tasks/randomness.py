"""Torch's own random numbers, which dropout draws from, as a function of a seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within, torch draws from `seed`; after, its random state is what it was before.

    Args:
        seed: of the CPU's generator and, on CUDA, of the device's.
        device: that the network is on.
    """
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
