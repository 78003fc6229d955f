"""Curves of automatic length between one's own networks."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import landscape_catalog as lc

X = torch.linspace(-2, 2, 24).reshape(12, 2)
DATA = (X, (X[:, 0] > X[:, 1] ** 2).long())


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))


def fit(**arguments: Any) -> lc.ModeConnectivity:
    loss = nn.functional.cross_entropy
    return lc.mode_connectivity(
        network(0), network(1), loss, DATA, batch_size=6, lr=0.05, **arguments
    )


def lengths(found: lc.ModeConnectivity) -> tuple[Any, ...]:
    return found.fit_length, found.shorter_length, found.shorter_mode_connectivity, found.converged


@pytest.mark.parametrize(
    ("convergence", "expected", "converged"), [(1e-9, 100, False), (1e3, 50, True)]
)
def test_automatic_length_ends_where_whole_fits_agree(
    convergence: float, expected: int, converged: bool
) -> None:
    found = fit(epochs="auto", max_epochs=150, convergence=convergence)
    plain, half = fit(epochs=expected), fit(epochs=expected // 2)
    assert found.points == plain.points
    assert lengths(found) == (expected, expected // 2, half.mode_connectivity, converged)


@pytest.mark.parametrize("unit", ["epochs", "updates"])
def test_checked_fit_is_compared_with_one_of_half_the_length(unit: str) -> None:
    found, half = fit(**{unit: 9}, check=True), fit(**{unit: 4})
    assert found.mode_connectivity == fit(**{unit: 9}).mode_connectivity
    change = abs(found.mode_connectivity - half.mode_connectivity)
    assert lengths(found) == (9, 4, half.mode_connectivity, change < 0.5)
    assert found.length_unit == unit


def test_unchecked_fit_makes_no_claim() -> None:
    found = fit(epochs=3)
    assert lengths(found) == (3, None, None, None)
    assert math.isfinite(found.mode_connectivity)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": "auto", "updates": 5}, "updates: got 5; allowed: null with epochs: auto"),
        ({"epochs": 1, "check": True}, "check: got true; allowed: false: a fit of 1 epoch"),
        ({"updates": 1, "check": True}, "check: got true; allowed: false: a fit of 1 update"),
    ],
)
def test_arguments_that_exclude_each_other(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(**arguments)
