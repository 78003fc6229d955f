"""L2 distance, absolute and relative to the norms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.metrics.numerics.distance import l2_distance


def test_distance() -> None:
    one = {"w": torch.tensor([[3.0, 0.0]]), "bn": torch.tensor([100.0])}
    other = {"w": torch.tensor([[0.0, 4.0]]), "bn": torch.tensor([0.0])}
    found = l2_distance(one, other, ["w"])
    assert (found.l2, found.norm, found.other_norm, found.n) == (5.0, 3.0, 4.0, 2)
    assert found.relative == pytest.approx(5 / 3.5)
    assert found.reason is None
    assert l2_distance(one, one, ["w", "bn"]).l2 == 0


def test_networks_of_different_shapes() -> None:
    one = {"w": torch.ones(2)}
    with pytest.raises(ValueError, match="differ"):
        l2_distance(one, {"w": torch.zeros(3)}, ["w"])
    for pair in ((one, {}), ({}, one)):
        with pytest.raises(ValueError, match="w: missing"):
            l2_distance(*pair, ["w"])


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=9),
    factor=st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0]),
)
def test_the_relative_distance_lies_between_0_and_2(values: list[float], factor: float) -> None:
    one = torch.tensor(values, dtype=torch.float64)
    found = l2_distance({"w": one}, {"w": factor * one}, ["w"])
    if found.norm == 0:
        assert math.isnan(found.relative)
    else:
        expected = abs(1 - factor) / ((1 + abs(factor)) / 2)
        assert found.relative == pytest.approx(expected, rel=1e-9)
        assert 0 <= found.relative <= 2 + 1e-9


def test_the_relative_distance_of_zero_weights_is_undefined() -> None:
    found = l2_distance({"w": torch.zeros(3)}, {"w": torch.zeros(3)}, ["w"])
    assert (found.l2, found.reason) == (0, None)
    assert math.isnan(found.relative)
    assert math.isnan(WeightDistance(0.0, 0.0, 0.0, 0).relative)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite(bad: float) -> None:
    good, broken = torch.ones(3), torch.tensor([1.0, bad, 1.0])
    for pair in ((good, broken), (broken, good), (broken, broken)):
        found = l2_distance({"w": pair[0]}, {"w": pair[1]}, ["w"])
        assert math.isnan(found.l2)
        assert math.isnan(found.relative)
        assert found.reason == "weights, or their squares, are not finite"
