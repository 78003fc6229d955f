"""Seeding of torch's random numbers, which dropout uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's random numbers within the context, and restore its random state afterwards.

    Args:
        seed: of the CPU's generator and, on CUDA, of the device's generator.
        device: the network's device.
    """
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
