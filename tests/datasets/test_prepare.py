"""What the corruption of data means: exact shares, nested levels, a clean and fixed test set."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.datasets import LOADERS, PreparedData, frequency_loss, prepare
from landscape_catalog.datasets.corruption import draw, noisy_labels, noisy_pixels

POOL = LOADERS["digits"]()


def prepared(**changes: float) -> PreparedData:
    chosen = {
        "test_samples": 360,
        "samples": 1437,
        "label_noise": 0.0,
        "pixel_noise": 0.0,
        "seed": 0,
    }
    return prepare(POOL, **{**chosen, **changes})  # type: ignore[arg-type]


def test_the_digits_are_the_digits() -> None:
    assert POOL.images.shape == (1797, 1, 8, 8)
    assert POOL.images.dtype == np.uint8
    assert (POOL.images.min(), POOL.images.max()) == (0, 255)
    assert np.bincount(POOL.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@settings(max_examples=50)
@given(
    share=st.floats(0, 1),
    n=st.integers(1, 300),
    classes=st.integers(2, 20),
    seed=st.integers(0, 99),
)
def test_exactly_the_stated_share_of_labels_changes(
    share: float, n: int, classes: int, seed: int
) -> None:
    labels = np.arange(n) % classes
    draws = draw((n, 1, 1, 1), classes, seed)
    noisy = noisy_labels(labels, draws.rank, draws.offset, share, classes)
    assert (noisy != labels).sum() == math.floor(Fraction(repr(share)) * n + Fraction(1, 2))
    assert ((noisy >= 0) & (noisy < classes)).all()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 1.0])
def test_label_noise_on_digits(share: float) -> None:
    data = prepared(label_noise=share)
    changed = data.train_labels != data.true_labels
    assert changed.sum() == math.floor(Fraction(str(share)) * 1437 + Fraction(1, 2))
    assert np.array_equal(data.test_labels, prepared().test_labels)


def test_wrong_labels_are_uniform_over_the_other_classes() -> None:
    data = prepared(label_noise=1.0)
    offsets = (data.train_labels - data.true_labels) % 10
    counts = np.bincount(offsets, minlength=10)
    expected = 1437 / 9
    assert counts[0] == 0
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 26.1  # chi-squared, 8 degrees, 0.1%


def test_levels_are_nested() -> None:
    little, much = prepared(label_noise=0.1), prepared(label_noise=0.3)
    wrong = little.train_labels != little.true_labels
    assert np.array_equal(little.train_labels[wrong], much.train_labels[wrong])
    few, many = prepared(samples=100, pixel_noise=20), prepared(samples=900, pixel_noise=20)
    assert np.array_equal(few.train_images, many.train_images[:100])
    assert np.array_equal(few.true_labels, many.true_labels[:100])


def test_pixel_noise_is_uniform_and_clipped() -> None:
    noise = np.random.Generator(np.random.Philox(key=1)).random((400, 1, 8, 8))
    dark = noisy_pixels(np.zeros((400, 1, 8, 8), np.uint8), noise, 40.0)
    assert dark.dtype == np.uint8
    assert (dark.min(), dark.max()) == (0, 40)
    # Mean 20 and variance 40^2 / 12 of a uniform variable, within five standard errors.
    assert abs(dark.mean() - 20) < 5 * (40 / 12**0.5) / dark.size**0.5
    bright = noisy_pixels(np.full((400, 1, 8, 8), 250, np.uint8), noise, 40.0)
    assert bright.min() >= 250
    assert bright.max() == 255


def test_the_test_set_is_stratified_fixed_and_disjoint() -> None:
    data, other = prepared(), prepared(samples=50, label_noise=0.5, pixel_noise=80)
    assert np.array_equal(data.test_images, other.test_images)
    shares = np.bincount(data.test_labels) / 360
    assert np.abs(shares - np.bincount(POOL.labels) / 1797).max() < 1 / 360
    both = np.concatenate([data.train_images, data.test_images]).reshape(1797, -1)
    everything = POOL.images.reshape(1797, -1)
    assert np.array_equal(both[np.lexsort(both.T)], everything[np.lexsort(everything.T)])


def test_normalisation_does_not_move_with_the_load() -> None:
    data, other = prepared(), prepared(samples=50, pixel_noise=80)
    assert data.mean == other.mean
    assert data.std == other.std
    assert np.isclose(data.mean[0], (data.train_images / 255).mean())


def test_a_content_hash_tells_contents_apart() -> None:
    assert prepared().content_hash() == prepared().content_hash()
    hashes = {prepared(label_noise=a).content_hash() for a in (0.0, 0.1)}
    hashes |= {prepared(seed=1).content_hash(), prepared(pixel_noise=3).content_hash()}
    assert len(hashes) == 4


def test_too_many_samples() -> None:
    with pytest.raises(ValueError, match="1438 samples asked for, 1437"):
        prepared(samples=1438)


def test_guessing_by_frequencies() -> None:
    found = frequency_loss(np.array([0] * 9 + [1]))
    assert math.isclose(found, -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)))
    assert math.isclose(frequency_loss(np.arange(10)), math.log(10))
