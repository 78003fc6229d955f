"""A run's bits depend on nothing but the run: not on its group's size, order or other runs.

`LANDSCAPE_BITS=1 pytest tests/training/test_group_bits.py` compares for many more specs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import torch

from tests.training.group_bits import ALL, AVX2, DIGITS, QUICK, RUNS, SIZES, Spec, compared

BITS = "LANDSCAPE_BITS" in os.environ
SPECS = ALL if BITS else QUICK


@cache
def found(spec: Spec) -> tuple[int, list[str], str]:
    return compared(spec)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_bits_do_not_depend_on_the_group(spec: Spec) -> None:
    """Groups of 1, 2, 3 and 8 against one of 40, in which one run diverges."""
    assert spec.is_grouped(), "the rule would have such runs trained alone"
    count, differing, _ = found(spec)
    assert count == sum(SIZES) < RUNS
    assert differing == []


def test_other_batch_sizes_are_trained_alone() -> None:
    """Products of small matrices depend on where in memory a network's numbers begin."""
    for batch_size in (4, 10, 25, 50, 100):
        assert not Spec("resnet18", 2, DIGITS, batch_size).is_grouped()


def test_the_table_covers_models_and_sizes() -> None:
    assert len(ALL) == len(set(ALL)) > 50
    assert set(QUICK) <= set(ALL)
    assert {spec.model for spec in QUICK} == {"resnet18", "vgg11"}


@pytest.mark.slow
def test_bits_do_not_depend_on_the_group_with_avx2() -> None:
    """The kernels for AVX2 are other ones than for AVX-512, and what they compute differs."""
    arguments = ["--all"] if BITS else []
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.group_bits", *arguments],
        env={**os.environ, **AVX2}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    specs = SPECS if BITS else QUICK[:2]
    other: dict[str, Any] = json.loads(done.stdout)
    assert other["capability"] == "AVX2"
    assert other["comparisons"] == len(specs) * sum(SIZES)
    assert other["differing"] == []
    if torch.backends.cpu.get_cpu_capability() == "AVX512":
        checksums = [found(spec)[2] for spec in specs]
        assert not set(checksums) & set(other["checksums"]), "the variables changed nothing"
