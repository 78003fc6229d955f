"""Resizing: closed forms, and the same bytes on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.datasets.digits import load_digits
from landscape_catalog.datasets.resize import resized

DIGITS_32 = "412ee8e6d3be0312cdeb600758cc90977436fc34f7c5d474ac5a9cc97d7e9530"


def row(*values: int) -> np.ndarray:
    """One image with one channel and one row."""
    return np.array(values, np.uint8)[None, None, None]


def test_doubling_a_ramp() -> None:
    # New pixel centres are at 1/4 and 3/4 between the old ones; the edges are extended.
    found = resized(row(0, 100, 200), (1, 6))
    assert found.tolist() == row(0, 25, 75, 125, 175, 200).tolist()
    upright = resized(row(0, 100, 200).transpose(0, 1, 3, 2), (6, 1))
    assert upright.ravel().tolist() == [0, 25, 75, 125, 175, 200]


def test_halving_a_ramp() -> None:
    # Each new pixel averages four old ones with weights 1, 3, 3, 1 (of 8) around its centre.
    found = resized(row(*range(0, 160, 10)), (1, 8)).ravel()
    assert found[1:-1].tolist() == [25, 45, 65, 85, 105, 125]
    # At an edge the outer weight is missing: (3 * 0 + 3 * 10 + 20) / 7.
    assert found[0] == round((3 * 0 + 3 * 10 + 20) / 7)


@settings(max_examples=50)
@given(
    value=st.integers(0, 255),
    old=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    new=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_a_constant_image_stays_constant(
    value: int, old: tuple[int, int], new: tuple[int, int]
) -> None:
    images = np.full((2, 3, *old), value, np.uint8)
    found = resized(images, new)
    assert found.shape == (2, 3, *new)
    assert found.dtype == np.uint8
    assert (found == value).all()


def test_images_and_channels_do_not_mix() -> None:
    images = np.random.Generator(np.random.Philox(key=2)).integers(0, 256, (4, 3, 7, 5), np.uint8)
    together = resized(images, (6, 9))
    for i in range(4):
        for channel in range(3):
            alone = resized(images[i : i + 1, channel : channel + 1], (6, 9))
            assert np.array_equal(together[i, channel], alone[0, 0])


def test_the_same_size_returns_the_same_array() -> None:
    images = row(1, 2, 3)
    assert resized(images, (1, 3)) is images


def test_the_digits_at_32_pixels_are_the_same_on_every_machine() -> None:
    found = resized(load_digits().images, (32, 32))
    assert found.shape == (1797, 1, 32, 32)
    assert hashlib.sha256(found.tobytes()).hexdigest() == DIGITS_32


@pytest.mark.parametrize("size", [(0, 3), (3, -1)])
def test_impossible_sizes(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot resize uint8"):
        resized(row(1, 2), size)


def test_only_uint8_is_resized() -> None:
    with pytest.raises(ValueError, match="cannot resize float64"):
        resized(row(1, 2) / 255, (2, 2))
