"""Generators are seeded and restored, also those of devices that this machine lacks."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from landscape_catalog.models.randomness import random_state, seeded, set_random_state
from landscape_catalog.runner.settings import reproducible


class Generator:
    """The only generator of a device, as `torch.cuda` and `torch.mps` give access to it."""

    def __init__(self) -> None:
        self.state = torch.tensor([7], dtype=torch.uint8)

    def get_rng_state(self, *device: Any) -> Tensor:
        return self.state.clone()

    def set_rng_state(self, state: Tensor, *device: Any) -> None:
        self.state = state.clone()

    def draw(self) -> int:
        self.state = self.state + 1
        return int(self.state)


@pytest.fixture(params=["cuda", "mps"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A device of a kind that this machine lacks, and its generator."""
    generator, module = Generator(), getattr(torch, request.param)
    for name in ("get_rng_state", "set_rng_state"):
        monkeypatch.setattr(module, name, getattr(generator, name))
    return torch.device(request.param, 0), generator


def test_states_are_restored(device: Any) -> None:
    where, generator = device
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = float(torch.rand(1)), float(np.random.rand()), random.random()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    with pytest.raises(ValueError), seeded(4, where):
        assert float(torch.rand(1)) != expected[0]
        np.random.rand(), random.random(), generator.draw()
        raise ValueError
    assert (float(torch.rand(1)), float(np.random.rand()), random.random()) == expected
    assert int(generator.state) == 7


def test_a_checkpoint_holds_the_state(device: Any) -> None:
    where, generator = device
    state = random_state(where)
    expected = float(torch.rand(1)), float(np.random.rand()), random.random(), generator.draw()
    set_random_state(state, where)
    found = float(torch.rand(1)), float(np.random.rand()), random.random(), generator.draw()
    assert found == expected


def test_a_checkpoint_of_the_cpu_holds_no_other_state() -> None:
    assert set(random_state(torch.device("cpu"))) == {"torch", "others"}


def test_jobs_leave_the_generator_of_apple_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Generator()
    for name in ("get_rng_state", "set_rng_state"):
        monkeypatch.setattr(torch.mps, name, getattr(generator, name))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with reproducible():
        generator.draw()
    assert int(generator.state) == 7
