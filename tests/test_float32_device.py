"""Training and measuring on a device without float64: a made-up one, since there is no other here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from landscape_catalog.models.float64 import float64_device, in_float64
from tests.conftest import ROOT

ROUNDING = 1e-5  # relative


def computed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.float32_device", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_everything_is_computed_as_on_the_cpu() -> None:
    done = computed()
    assert done.returncode == 0, done.stderr[-3000:]
    apart = json.loads(done.stdout)
    assert len(apart) == 17
    # Products of small matrices depend on where they begin in memory, so bits may differ.
    assert {name: value for name, value in apart.items() if not value < ROUNDING} == {}


@pytest.mark.slow
def test_the_made_up_device_refuses_float64() -> None:
    done = computed("no fallback")
    assert "TypeError: made_up: torch.float64 is not supported" in done.stderr


@pytest.mark.parametrize("name", ["cpu", "cuda:1", "meta"])
def test_other_devices_have_float64(name: str) -> None:
    assert float64_device(torch.device(name)) == torch.device(name)
    assert float64_device(torch.device("mps", 0)) == torch.device("cpu")


def test_float64_values_are_left_alone() -> None:
    values = torch.ones(3, dtype=torch.float64)
    assert in_float64(values) is values
