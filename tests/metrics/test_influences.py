"""Influences are stored as integers: each rounded as Python rounds it, the error almost kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.metrics.influences import UNIT, packed, unpacked

NUMBERS = st.floats(-1e150, 1e150).filter(lambda value: value == 0 or abs(value) > 1e-150)


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_each_influence_is_rounded_to_a_step(influences: list[float]) -> None:
    error = math.hypot(*influences)
    steps = packed(influences)
    assert steps == [round(value / (UNIT * error)) if error else 0 for value in influences]
    assert all(type(step) is int for step in steps)


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_stored_influences_have_the_error(influences: list[float]) -> None:
    error = math.hypot(*influences)
    found = unpacked(packed(influences), error)
    assert found is not None
    assert math.hypot(*found) == pytest.approx(error)
    for value, stored in zip(influences, found):
        assert stored == pytest.approx(value, abs=2 * UNIT * error)


@pytest.mark.parametrize("influences", [[], [0.0, 0.0], [1e-322, 0.0]])
def test_without_an_error_there_are_no_steps(influences: list[float]) -> None:
    assert packed(influences) == [0] * len(influences)
