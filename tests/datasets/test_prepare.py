"""Preparing data of every kind: exact shares, nested noise levels, a clean and fixed test set."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer

from landscape_catalog.datasets import (
    ImagePool,
    PointPool,
    Preparation,
    PreparedData,
    TextPool,
    corruption,
    frequency_loss,
    prepare,
)
from landscape_catalog.datasets.bpe import BytePairs
from landscape_catalog.datasets.corruption import draw, noisy_labels, noisy_pixels
from landscape_catalog.datasets.digits import load_digits
from landscape_catalog.datasets.number_words import number_words

POOL = load_digits()
Arrays = dict[str, np.ndarray]

# Contents behind data ids: they must never change, and are the same on every machine.
CONTENTS = {
    "digits": "6ddf3833888fbfbbfb5d14155150029f8ea874a4bcca84f431cf2f63ca4971c3",
    "noisy and resized digits": "e495f88e59913603daedae7888b48ea979d639788c42f97d0c26719a117949b2",
    "number words": "32e36fc6e54b2281f5c7323a1225e349f947862e60c7c569e9eb75d7ef17a09b",
}


def prepared(**changes: Any) -> PreparedData:
    chosen = {"test_samples": 360, "samples": 1437, "seed": 0}
    return prepare(POOL, Preparation(**{**chosen, **changes}))


def of_labels(share: float, mode: Literal["different", "any"]) -> Preparation:
    return Preparation(samples=1, test_samples=1, seed=0, label_noise=share, label_noise_mode=mode)


def exact_count(share: float, n: int) -> int:
    """share * n in exact decimals, halves up."""
    return math.floor(Fraction(repr(share)) * n + Fraction(1, 2))


def test_the_digits_of_scikit_learn() -> None:
    assert POOL.images.shape == (1797, 1, 8, 8)
    assert POOL.images.dtype == np.uint8
    assert (POOL.images.min(), POOL.images.max()) == (0, 255)
    assert np.bincount(POOL.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@settings(max_examples=50, deadline=None)
@given(
    share=st.floats(0, 1),
    n=st.integers(1, 300),
    classes=st.integers(2, 20),
    seed=st.integers(0, 99),
)
def test_exactly_the_given_share_of_labels_changes(
    share: float, n: int, classes: int, seed: int
) -> None:
    labels = np.arange(n) % classes
    draws = draw(n, classes, seed)
    noisy = noisy_labels(labels, draws, np.arange(n), classes, of_labels(share, "different"))
    assert (noisy != labels).sum() == exact_count(share, n)
    assert ((noisy >= 0) & (noisy < classes)).all()
    assert np.array_equal(labels, np.arange(n) % classes), "the given labels were changed"


@settings(max_examples=50, deadline=None)
@given(
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    n=st.integers(1, 300),
    classes=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_mode_any_replaces_exactly_the_given_share(
    shares: tuple[float, float], n: int, classes: int, seed: int
) -> None:
    """Labels outside the classes make replacements visible that would keep the label."""
    draws = draw(n, classes, seed)
    labels = np.full(n, -1)
    little, much = (
        noisy_labels(labels, draws, np.arange(n), classes, of_labels(share, "any"))
        for share in sorted(shares)
    )
    for noisy, share in ((little, min(shares)), (much, max(shares))):
        assert (noisy != -1).sum() == exact_count(share, n)
        assert (noisy < classes).all()
    assert np.array_equal(little[little != -1], much[little != -1])  # nested


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 1.0])
def test_label_noise_on_digits(share: float) -> None:
    data = prepared(label_noise=share).arrays
    changed = data["train_labels"] != data["true_labels"]
    assert changed.sum() == exact_count(share, 1437)
    assert np.array_equal(data["test_labels"], prepared().arrays["test_labels"])


def test_wrong_labels_are_uniform_over_the_other_classes() -> None:
    data = prepared(label_noise=1.0).arrays
    offsets = (data["train_labels"] - data["true_labels"]) % 10
    counts = np.bincount(offsets, minlength=10)
    expected = 1437 / 9
    assert counts[0] == 0
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 26.1  # chi-squared, 8 degrees, 0.1%


def test_mode_any_keeps_one_label_in_n_classes() -> None:
    data = prepared(label_noise=1.0, label_noise_mode="any").arrays
    offsets = (data["train_labels"] - data["true_labels"]) % 10
    counts = np.bincount(offsets, minlength=10)
    assert ((counts - 143.7) ** 2 / 143.7).sum() < 27.9  # chi-squared, 9 degrees, 0.1%
    assert abs(counts[0] - 143.7) < 3 * math.sqrt(1437 * 0.1 * 0.9)
    labels = np.bincount(data["train_labels"], minlength=10)
    assert ((labels - 143.7) ** 2 / 143.7).sum() < 27.9


def test_both_modes_choose_the_same_samples() -> None:
    different, some = (
        prepared(label_noise=0.3, label_noise_mode=mode).arrays for mode in ("different", "any")
    )
    chosen, changed = (data["train_labels"] != data["true_labels"] for data in (different, some))
    assert (changed <= chosen).all()
    assert chosen.sum() == 431
    assert 431 * 0.1 / 2 < chosen.sum() - changed.sum() < 431 * 0.1 * 2


def test_levels_are_nested() -> None:
    for mode in ("different", "any"):
        little, much = (
            prepared(label_noise=share, label_noise_mode=mode).arrays for share in (0.1, 0.3)
        )
        wrong = little["train_labels"] != little["true_labels"]
        assert np.array_equal(little["train_labels"][wrong], much["train_labels"][wrong])
    few, many = (prepared(samples=n, pixel_noise=20).arrays for n in (100, 900))
    assert np.array_equal(few["train_images"], many["train_images"][:100])
    assert np.array_equal(few["true_labels"], many["true_labels"][:100])


def test_pixel_noise_is_uniform_and_clipped() -> None:
    dark = noisy_pixels(np.zeros((400, 1, 8, 8), np.uint8), amplitude=40.0, seed=1)
    assert dark.dtype == np.uint8
    assert (dark.min(), dark.max()) == (0, 40)
    # Mean 20 and variance 40^2 / 12 of a uniform variable, within five standard errors.
    assert abs(dark.mean() - 20) < 5 * (40 / 12**0.5) / dark.size**0.5
    bright = noisy_pixels(np.full((400, 1, 8, 8), 250, np.uint8), amplitude=40.0, seed=1)
    assert bright.min() >= 250
    assert bright.max() == 255


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 30),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    amplitudes=st.tuples(st.floats(0, 255), st.floats(0, 255)),
    seed=st.integers(0, 99),
)
def test_pixel_noise_is_within_its_range_and_nested(
    n: int, shape: tuple[int, int, int], amplitudes: tuple[float, float], seed: int
) -> None:
    images = np.random.Generator(np.random.Philox(key=seed)).integers(0, 256, (n, *shape), np.uint8)
    before = images.copy()
    little, much = (
        noisy_pixels(images, amplitude=amplitude, seed=seed) for amplitude in sorted(amplitudes)
    )
    for noisy, amplitude in ((little, min(amplitudes)), (much, max(amplitudes))):
        assert noisy.dtype == np.uint8
        added = noisy.astype(float) - images
        assert (added >= 0).all()
        assert (added <= amplitude + 0.5).all()  # since it is rounded
    assert (little <= much).all()
    assert np.array_equal(images, before), "the given images were changed"
    assert np.array_equal(noisy_pixels(images, amplitude=0, seed=seed), images)


def test_noise_depends_on_the_position_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on the number of images nor on how many are drawn at a time."""
    images = np.zeros((50, 2, 3, 3), np.uint8)
    noisy = noisy_pixels(images, amplitude=200, seed=4)
    assert np.array_equal(noisy_pixels(images[:20], amplitude=200, seed=4), noisy[:20])
    monkeypatch.setattr(corruption, "NOISE_ROWS", 7)
    assert np.array_equal(noisy_pixels(images, amplitude=200, seed=4), noisy)
    assert not np.array_equal(noisy_pixels(images, amplitude=200, seed=5), noisy)


def test_the_test_set_is_stratified_fixed_and_disjoint() -> None:
    data = prepared().arrays
    other = prepared(samples=50, label_noise=0.5, pixel_noise=80).arrays
    assert np.array_equal(data["test_images"], other["test_images"])
    shares = np.bincount(data["test_labels"]) / 360
    assert np.abs(shares - np.bincount(POOL.labels) / 1797).max() < 1 / 360
    both = np.concatenate([data["train_images"], data["test_images"]]).reshape(1797, -1)
    everything = POOL.images.reshape(1797, -1)
    assert np.array_equal(both[np.lexsort(both.T)], everything[np.lexsort(everything.T)])


def test_normalisation_does_not_depend_on_the_load() -> None:
    data, other = prepared().arrays, prepared(samples=50, pixel_noise=80).arrays
    assert np.array_equal(data["mean"], other["mean"])
    assert np.array_equal(data["std"], other["std"])
    assert np.isclose(data["mean"][0], (data["train_images"] / 255).mean())
    assert np.isclose(data["std"][0], (data["train_images"] / 255).std())


def test_moments_are_exact() -> None:
    """They come from integer sums, so that the last bit does not depend on the order of additions."""
    generator = np.random.Generator(np.random.Philox(key=8))
    images = generator.integers(0, 256, (50, 3, 5, 7), np.uint8)
    images[:, 2] = 255  # a constant channel
    pool = ImagePool(images, np.arange(50) % 2, 2, images[:4], np.arange(4) % 2)
    data = prepare(pool, Preparation(test_samples="all", samples=50, seed=0))
    mean, std = data.arrays["mean"], data.arrays["std"]
    for channel in (0, 1):
        pixels = [Fraction(int(pixel), 255) for pixel in images[:, channel].ravel()]
        exact = sum(pixels) / len(pixels)
        variance = sum((pixel - exact) ** 2 for pixel in pixels) / len(pixels)
        assert mean[channel] == float(exact)
        assert std[channel] == math.sqrt(float(variance))
    assert mean[2] == 1
    assert std[2] == 1, "a channel of one value is not to be divided by nothing"


def marked_pool(n: int, n_test: int, classes: int, shape: tuple[int, int, int]) -> ImagePool:
    """Images whose first pixel is their position in the pool; the rest is noise."""
    generator = np.random.Generator(np.random.Philox(key=n))
    images = generator.integers(0, 256, (n + n_test, *shape), np.uint8)
    images[:, 0, 0, 0] = np.arange(n + n_test)
    labels = np.arange(n + n_test) % classes
    if not n_test:
        return ImagePool(images, labels, classes)
    return ImagePool(images[:n], labels[:n], classes, images[n:], labels[n:])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_images_of_any_pool(data: st.DataObject) -> None:
    """With and without a test split of its own, with every load parameter at once."""
    classes = data.draw(st.integers(2, 4), "classes")
    n = data.draw(st.integers(5 * classes, 100), "n")
    own = data.draw(st.sampled_from([0, classes, 30]), "own test split")
    shape = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4)), 3)
    pool = marked_pool(n, own, classes, shape)
    high = own if own else n - 2 * classes
    test_samples: int | Literal["all"] = data.draw(st.integers(classes, high), "test samples")
    if own and data.draw(st.booleans(), "all"):
        test_samples = "all"
    n_test = own if test_samples == "all" else test_samples
    there = n if own else n - n_test
    samples = data.draw(st.integers(1, there), "samples")
    load = {
        "label_noise": data.draw(st.floats(0, 1), "label noise"),
        "pixel_noise": data.draw(st.sampled_from([0.0, 0.4, 30.0]), "pixel noise"),
        "label_noise_mode": data.draw(st.sampled_from(["different", "any"]), "mode"),
    }
    fixed = {"test_samples": test_samples, "seed": data.draw(st.integers(0, 9), "seed")}
    clean = prepare(pool, Preparation(samples=there, **fixed)).arrays  # type: ignore[arg-type]
    corrupted = prepare(pool, Preparation(samples=samples, **fixed, **load)).arrays  # type: ignore[arg-type]

    every = (
        pool.images if pool.test_images is None else np.concatenate([pool.images, pool.test_images])
    )
    train, test = (clean[f"{side}_images"][:, 0, 0, 0] for side in ("train", "test"))
    assert len(set(train)) == there
    assert len(set(test)) == n_test
    assert not set(train) & set(test)
    if own:
        assert set(train) == set(range(n))
        assert set(test) <= set(range(n, n + own))
    for side, marks in (("train", train), ("test", test)):
        assert np.array_equal(clean[f"{side}_images"], every[marks])
        assert np.array_equal(clean[f"{side}_labels"], marks % classes)
    assert np.array_equal(clean["true_labels"], clean["train_labels"])

    for name in ("test_images", "test_labels", "mean", "std"):
        assert np.array_equal(clean[name], corrupted[name])
    assert np.array_equal(corrupted["true_labels"], clean["true_labels"][:samples])
    changed = int((corrupted["train_labels"] != corrupted["true_labels"]).sum())
    exact = exact_count(load["label_noise"], samples)
    assert changed == exact if load["label_noise_mode"] == "different" else changed <= exact
    assert ((corrupted["train_labels"] >= 0) & (corrupted["train_labels"] < classes)).all()
    added = corrupted["train_images"].astype(float) - clean["train_images"][:samples]
    assert added.shape == (samples, *shape)
    assert ((added >= 0) & (added <= load["pixel_noise"] + 0.5)).all()

    unit = clean["train_images"].astype(np.float64) / 255
    np.testing.assert_allclose(clean["mean"], unit.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(clean["std"], unit.std((0, 2, 3)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("test_samples", [4, 17, 36, 37, 38, 39, 40])
def test_any_number_of_samples_of_a_test_split(test_samples: int) -> None:
    """Stratified unless fewer samples are left out than there are classes."""
    pool = marked_pool(60, 40, 4, (1, 2, 2))
    data = prepare(pool, Preparation(test_samples=test_samples, samples=10, seed=0)).arrays
    counts = np.bincount(data["test_labels"], minlength=4)
    assert len(set(data["test_images"][:, 0, 0, 0])) == test_samples
    assert (np.abs(counts - test_samples / 4) <= (1 if test_samples <= 36 else 3)).all()


def test_resized_images() -> None:
    """Resized by Pillow, before noise is added and before the moments are computed."""
    data = prepared(size=(12, 10), pixel_noise=15.0, samples=200).arrays
    small = prepared(samples=200).arrays
    assert data["train_images"].shape == (200, 1, 12, 10)
    assert data["test_images"].shape == (360, 1, 12, 10)

    def by_pillow(images: np.ndarray) -> np.ndarray:
        resize = [Image.fromarray(i[0]).resize((10, 12), Image.Resampling.BILINEAR) for i in images]
        return np.stack([np.asarray(image) for image in resize])[:, None]

    assert np.array_equal(data["test_images"], by_pillow(small["test_images"]))
    added = data["train_images"].astype(float) - by_pillow(small["train_images"])
    assert added.min() >= 0
    assert added.max() <= 15
    assert (added % 1 == 0).all()
    assert len(np.unique(added)) == 16  # each pixel of the new size has its own noise
    everything = by_pillow(prepared().arrays["train_images"]) / 255
    assert data["mean"][0] == pytest.approx(everything.mean(), rel=1e-12)
    assert data["std"][0] == pytest.approx(everything.std(), rel=1e-9)
    assert np.array_equal(
        prepared(size=(8, 8)).arrays["train_images"], prepared().arrays["train_images"]
    )


def points(n: int, n_test: int, classes: int | None) -> PointPool:
    """Inputs (i, -i) and targets i mod n_classes, or i squared without classes."""
    places = np.arange(n + n_test, dtype=np.float32)
    inputs = np.stack([places, -places], 1)
    targets = (places.astype(np.int64) % classes) if classes else places**2
    if not n_test:
        return PointPool(inputs, targets, classes)
    return PointPool(inputs[:n], targets[:n], classes, inputs[n:], targets[n:])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_points_of_any_pool(data: st.DataObject) -> None:
    classes = data.draw(st.sampled_from([None, 2, 5]), "classes")
    n, own = data.draw(st.integers(10, 60), "n"), data.draw(st.sampled_from([0, 1, 25]), "own")
    pool = points(n, own, classes)
    test_samples: int | Literal["all"] = data.draw(st.integers(1, own or n - 1), "test samples")
    if own and data.draw(st.booleans(), "all"):
        test_samples = "all"
    n_test = own if test_samples == "all" else test_samples
    there = n if own else n - n_test
    samples = data.draw(st.integers(1, there), "samples")
    noise = data.draw(st.floats(0, 1), "label noise")
    mode = data.draw(st.sampled_from(["different", "any"]), "mode")
    fixed: dict[str, Any] = {"test_samples": test_samples, "seed": data.draw(st.integers(0, 9))}
    clean = prepare(pool, Preparation(samples=there, **fixed))
    corrupted = prepare(
        pool, Preparation(samples=samples, label_noise=noise, label_noise_mode=mode, **fixed)
    )
    assert clean.kind == "points"
    assert clean.n_outputs == (classes or 0)
    train, test = (clean.arrays[f"{side}_inputs"][:, 0].astype(int) for side in ("train", "test"))
    assert len(set(train)) == there
    assert len(set(test)) == n_test
    assert not set(train) & set(test)
    assert (set(train) == set(range(n))) if own else (set(train) | set(test) == set(range(n)))
    for side, places in (("train", train), ("test", test)):
        assert np.array_equal(clean.arrays[f"{side}_inputs"], np.stack([places, -places], 1))
        targets = clean.arrays[f"{side}_targets"]
        assert np.array_equal(targets, places % classes if classes else places**2)
        assert targets.dtype == (np.int64 if classes else np.float32)
    for name in ("test_inputs", "test_targets"):
        assert np.array_equal(clean.arrays[name], corrupted.arrays[name])
    assert np.array_equal(corrupted.arrays["train_inputs"], clean.arrays["train_inputs"][:samples])
    if classes is None:
        assert set(clean.arrays) == {
            f"{s}_{a}" for s in ("train", "test") for a in ("inputs", "targets")
        }
        assert np.array_equal(
            corrupted.arrays["train_targets"], clean.arrays["train_targets"][:samples]
        )
        assert corrupted.frequency_loss == math.inf
        return
    noisy, true = corrupted.arrays["train_targets"], corrupted.arrays["true_targets"]
    assert np.array_equal(true, clean.arrays["train_targets"][:samples])
    changed, exact = int((noisy != true).sum()), exact_count(noise, samples)
    assert changed == exact if mode == "different" else changed <= exact
    assert ((noisy >= 0) & (noisy < classes)).all()
    shares = [count / samples for count in Counter(noisy.tolist()).values()]
    entropy = -sum(share * math.log(share) for share in shares)
    assert corrupted.frequency_loss == pytest.approx(entropy, abs=1e-12)


def test_points_of_a_test_split_are_drawn_at_random() -> None:
    """From the whole split, which may be sorted by class."""
    inputs = np.arange(300, dtype=np.float32)[:, None]
    sorted_ = PointPool(inputs, np.arange(300) // 100, 3, inputs, np.arange(300) // 100)
    for seed in (0, 1):
        data = prepare(sorted_, Preparation(test_samples=60, samples=10, seed=seed)).arrays
        counts = np.bincount(data["test_targets"], minlength=3)
        assert (np.abs(counts - 20) < 15).all()


WORDS = number_words(600)
TRANSLATED = dict(zip(WORDS.sources, WORDS.targets))


def words(**changes: Any) -> PreparedData:
    chosen = {"test_samples": 100, "samples": 500, "vocabulary": 320, "seed": 0}
    return prepare(WORDS, Preparation(**{**chosen, **changes}))


def sentences(data: PreparedData, side: str) -> list[tuple[str, str]]:
    pairs = BytePairs(Tokenizer.from_str(data.arrays["tokenizer"].tobytes().decode()))
    assert pairs.size == data.n_outputs
    sources, targets = (
        pairs.decode(data.arrays[f"{side}_{name}"]) for name in ("sources", "targets")
    )
    return list(zip(sources, targets))


def test_tokens_decode_to_the_sentences() -> None:
    data = words()
    assert data.kind == "text"
    assert data.n_outputs == 320
    train, test = sentences(data, "train"), sentences(data, "test")
    assert len(train) == 500
    assert len(test) == 100
    assert all(TRANSLATED[source] == target for source, target in train + test)
    assert set(train) | set(test) == set(zip(WORDS.sources, WORDS.targets))  # all 600: disjoint
    assert train != sorted(train, key=lambda pair: WORDS.sources.index(pair[0])), "not shuffled"
    for side in ("train", "test"):
        sources, targets = (data.arrays[f"{side}_{name}"] for name in ("sources", "targets"))
        assert sources.dtype == targets.dtype == np.int32
        assert (targets[:, 0] == 1).all()  # begin; sources have none
        assert (sources[:, 0] > 3).all()
        for tokens in (sources, targets):
            assert ((tokens == 2).sum(1) == 1).all()  # one end token, followed by padding only
            assert all(not row[row.tolist().index(2) + 1 :].any() for row in tokens)


def test_frequency_loss_of_tokens() -> None:
    """Over the predicted tokens: including the end of a sentence, but not its beginning or padding."""
    targets = words().arrays["train_targets"]
    counts = Counter(int(token) for row in targets for token in row[1:] if token)
    n = sum(counts.values())
    assert counts[2] == 500
    entropy = -sum(count / n * math.log(count / n) for count in counts.values())
    assert words().frequency_loss == pytest.approx(entropy, rel=1e-12)


@settings(max_examples=8, deadline=None)
@given(samples=st.integers(1, 500), test_samples=st.sampled_from([1, 60, 100]))
def test_subsets_of_text_are_nested(samples: int, test_samples: int) -> None:
    """The vocabulary and the test pairs do not depend on the number of samples."""
    there = 600 - test_samples
    every = words(samples=there, test_samples=test_samples)
    some = words(samples=samples, test_samples=test_samples)
    assert sentences(some, "train") == sentences(every, "train")[:samples]
    for name in ("tokenizer", "test_sources", "test_targets"):
        assert np.array_equal(every.arrays[name], some.arrays[name])
    assert some.n_outputs == every.n_outputs


OWN = TextPool(
    ["das Haus", "das Boot", "das Haus am See", "ein Boot"] * 10,
    ["the house", "the boat", "the house by the lake", "a boat"] * 10,
    ["Quittenmus"] * 30 + ["Haus"] * 10,
    ["quince jam"] * 30 + ["house"] * 10,
)


@pytest.mark.parametrize("test_samples", [5, 39, 40, "all"])
def test_text_with_its_own_test_split(test_samples: int | Literal["all"]) -> None:
    data = prepare(OWN, Preparation(test_samples=test_samples, samples=40, vocabulary=400, seed=0))
    assert OWN.test_sources is not None and OWN.test_targets is not None
    assert Counter(sentences(data, "train")) == Counter(zip(OWN.sources, OWN.targets))
    test = Counter(sentences(data, "test"))
    assert test <= Counter(zip(OWN.test_sources, OWN.test_targets))
    assert test.total() == (40 if test_samples == "all" else test_samples)
    if test_samples == "all":
        assert sentences(data, "test") == list(zip(OWN.test_sources, OWN.test_targets))
    if test_samples == 5:
        other = prepare(OWN, Preparation(test_samples=5, samples=40, vocabulary=400, seed=1))
        assert not np.array_equal(data.arrays["test_sources"], other.arrays["test_sources"])


def test_the_vocabulary_is_learned_on_training_pairs() -> None:
    """A word that is frequent in the test pairs only does not get a token."""
    data = prepare(OWN, Preparation(test_samples="all", samples=1, vocabulary=1000, seed=0))
    pairs = BytePairs(Tokenizer.from_str(data.arrays["tokenizer"].tobytes().decode()))
    lengths = {
        word: int((pairs.encode([word], begin=False, end=False) > 0).sum())
        for word in ("Quittenmus", " quince", " Haus", " house", " lake")
    }
    assert lengths[" Haus"] == lengths[" house"] == lengths[" lake"] == 1
    assert lengths["Quittenmus"] >= 8
    assert lengths[" quince"] >= 5


def test_the_content_hash_depends_on_the_content() -> None:
    assert prepared().content_hash() == prepared().content_hash()
    hashes = {prepared(label_noise=a).content_hash() for a in (0.0, 0.1)}
    hashes |= {prepared(seed=1).content_hash(), prepared(pixel_noise=3).content_hash()}
    hashes |= {prepared(label_noise=0.1, label_noise_mode="any").content_hash()}
    hashes |= {prepared(size=(9, 8)).content_hash(), prepared(samples=9).content_hash()}
    assert len(hashes) == 7


def test_the_content_hash_covers_names_dtypes_and_shapes() -> None:
    array = np.arange(6, dtype=np.int32)
    same_bytes = [
        {"a": array},
        {"b": array},
        {"a": array.view(np.uint32)},
        {"a": array.reshape(2, 3)},
        {"a": array[:3], "b": array[3:]},
    ]
    hashes = {PreparedData("points", arrays, 0, 0.0).content_hash() for arrays in same_bytes}
    assert len(hashes) == 5
    turned = {"a": np.asfortranarray(array.reshape(2, 3))}
    assert (
        PreparedData("points", turned, 9, 1.0).content_hash() in hashes
    )  # in another memory layout


@pytest.mark.parametrize("name", CONTENTS)
def test_every_machine_prepares_the_same_bytes(name: str) -> None:
    made = {
        "digits": lambda: prepared(),
        "noisy and resized digits": lambda: prepared(
            samples=300, label_noise=0.15, pixel_noise=33.0, label_noise_mode="any", size=(20, 13),
            seed=3,
        ),
        "number words": lambda: prepare(
            number_words(2000), Preparation(test_samples=500, samples=1000, vocabulary=500, seed=0)
        ),
    }  # fmt: skip
    assert made[name]().content_hash() == CONTENTS[name]


def test_too_many_samples() -> None:
    with pytest.raises(ValueError, match="1438 samples requested, 1437"):
        prepared(samples=1438)
    with pytest.raises(ValueError, match="501 samples requested, 500"):
        words(samples=501)
    with pytest.raises(ValueError, match="8 samples requested, 7"):
        prepare(points(10, 0, None), Preparation(test_samples=3, samples=8, seed=0))


def test_all_without_a_test_split() -> None:
    wanted = "the dataset has no test split"
    for unprepared in (
        lambda: prepared(test_samples="all"),
        lambda: words(test_samples="all"),
        lambda: prepare(points(10, 0, 2), Preparation(test_samples="all", samples=1, seed=0)),
    ):
        with pytest.raises(ValueError, match=wanted):
            unprepared()


def test_a_vocabulary_smaller_than_the_bytes() -> None:
    with pytest.raises(ValueError, match="a vocabulary of 259 is too small"):
        words(vocabulary=259)


def test_frequency_loss() -> None:
    found = frequency_loss(np.array([0] * 9 + [1]))
    assert math.isclose(found, -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)))
    assert math.isclose(frequency_loss(np.arange(10)), math.log(10))
    noisy = prepared(label_noise=0.5)
    assert noisy.frequency_loss == frequency_loss(noisy.arrays["train_labels"])
