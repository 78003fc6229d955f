"""Seeding of the global random generators that networks and tasks may draw from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

SEEDS = 2**32  # torch, NumPy and scikit-learn all accept seeds below this


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators within the context, and restore their states afterwards.

    Dropout and initial weights draw from torch's; a user's code may draw from NumPy's and from that
    of `random` as well.

    Args:
        seed: of the generators.
        device: the network's device; on CUDA, its generator is seeded too.
    """
    devices = [device.index or 0] if device.type == "cuda" else []
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            seed_generators(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, NumPy and `random`; NumPy takes the low 32 bits."""
    torch.manual_seed(seed)
    np.random.seed(seed % SEEDS)
    random.seed(seed)
