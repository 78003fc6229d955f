"""Seeding of the global random generators that networks and tasks may draw from."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

SEEDS = 2**32  # torch, NumPy and scikit-learn all accept seeds below this


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators within the context, and restore their states afterwards.

    Dropout and initial weights draw from torch's; a user's code may draw from NumPy's and from that
    of `random` as well.

    Args:
        seed: of the generators.
        device: the network's device, whose own generator is seeded too.
    """
    python, numpy = random.getstate(), np.random.get_state()
    before = torch.get_rng_state(), generator_state(device)
    try:
        seed_generators(seed)
        yield
    finally:
        torch.set_rng_state(before[0])
        set_generator_state(before[1], device)
        random.setstate(python)
        np.random.set_state(numpy)


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, NumPy and `random`; NumPy takes the low 32 bits."""
    torch.manual_seed(seed)
    np.random.seed(seed % SEEDS)
    random.seed(seed)


def generator_state(device: torch.device) -> dict[str, Tensor]:
    """The state of a device's own generator, by the device's kind; empty for the CPU."""
    if device.type == "cuda":
        return {"cuda": torch.cuda.get_rng_state(device)}
    if device.type == "mps":
        return {"mps": torch.mps.get_rng_state()}
    return {}


def set_generator_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore what `generator_state` returned; other entries are ignored."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
    if device.type == "mps":
        torch.mps.set_rng_state(state["mps"].cpu())


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The states of the generators of torch, NumPy and Python that a user's code may draw from."""
    others = pickle.dumps((np.random.get_state(), random.getstate()))
    state = {
        "torch": torch.get_rng_state(),
        "others": torch.frombuffer(bytearray(others), dtype=torch.uint8),
    }
    return state | generator_state(device)


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore what `random_state` returned."""
    torch.set_rng_state(state["torch"].cpu())
    numpy_state, python_state = pickle.loads(state["others"].cpu().numpy().tobytes())
    np.random.set_state(numpy_state)
    random.setstate(python_state)
    set_generator_state(state, device)
