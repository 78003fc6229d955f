"""Prepare the training and test data of a landscape from a pool: split, subsample, corrupt."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from landscape_catalog.datasets import corruption
from landscape_catalog.datasets.bpe import PADDING, learn_bpe
from landscape_catalog.datasets.pool import ImagePool, PointPool, Pool, TextPool
from landscape_catalog.datasets.preparation import Preparation
from landscape_catalog.datasets.prepared import (
    PreparedData,
    frequency_loss,
    held_out_number,
    require_samples,
)
from landscape_catalog.datasets.resize import resized

SPLIT_STREAM = 5  # stream of the counter-based generator that draws the test samples


def prepare(pool: Pool, how: Preparation) -> PreparedData:
    """Split off a test set, take the first samples of a fixed shuffle, and corrupt them.

    The dataset's own test split is used if it has one; otherwise test samples are held out, images
    stratified by class. Test samples are the same for every load and are never corrupted. For text,
    the vocabulary is learned on all training pairs, whatever `samples` is, so that it does not
    change along a load axis.

    Raises:
        ValueError: if more samples are requested than available, or the vocabulary is too small.
    """
    if isinstance(pool, TextPool):
        return _prepare_text(pool, how)
    if isinstance(pool, PointPool):
        return _prepare_points(pool, how)
    return _prepare_images(pool, how)


def _prepare_images(pool: ImagePool, how: Preparation) -> PreparedData:
    images, labels, test_images, test_labels = _image_split(pool, how.test_samples, how.seed)
    require_samples(how.samples, len(labels))
    if how.size is not None:
        images, test_images = resized(images, how.size), resized(test_images, how.size)
    draws = corruption.draw(len(labels), pool.n_classes, how.seed)
    chosen = draws.order[: how.samples]
    noisy = corruption.noisy_labels(labels, draws, chosen, pool.n_classes, how)
    noisy_images = corruption.noisy_pixels(images, amplitude=how.pixel_noise, seed=how.seed)
    mean, std = _pixel_moments(images)
    arrays = {
        "train_images": noisy_images[chosen],
        "train_labels": noisy,
        "true_labels": labels[chosen],
        "test_images": test_images,
        "test_labels": test_labels,
        "mean": mean,
        "std": std,
    }
    return PreparedData("images", arrays, pool.n_classes, frequency_loss(noisy))


def _image_split(
    pool: ImagePool, test_samples: int | Literal["all"], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels."""
    if pool.test_images is not None and pool.test_labels is not None:
        images, labels = pool.test_images, pool.test_labels
        if test_samples != "all" and test_samples < len(labels):
            if len(labels) - test_samples < pool.n_classes:  # the rest is too small to stratify
                chosen = _split_order(len(labels), seed)[:test_samples]
            else:
                _, chosen = _stratified(labels, test_samples, seed)
            images, labels = images[chosen], labels[chosen]
        return pool.images, pool.labels, images, labels
    test_samples = held_out_number(test_samples)
    kept, held_out = _stratified(pool.labels, test_samples, seed)
    return pool.images[kept], pool.labels[kept], pool.images[held_out], pool.labels[held_out]


def _split_order(n: int, seed: int) -> np.ndarray:
    """A shuffle of n indices, (n,), of which the first are the test samples."""
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, SPLIT_STREAM]))
    return generator.permutation(n)


def _stratified(labels: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split  # heavy, and only needed here

    return train_test_split(np.arange(len(labels)), test_size=n, stratify=labels, random_state=seed)


def _pixel_moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, with pixels in [0, 1].

    Computed from integer sums, since the order in which NumPy adds floats, and therefore the last
    bit, differs between its versions. A constant channel gets a standard deviation of 1, so that it
    can be divided by.
    """
    means, deviations = [], []
    values = np.arange(256)
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=256)
        n, total, squares = (int(counts @ values**power) for power in (0, 1, 2))
        means.append(total / (255 * n))
        variance = (n * squares - total**2) / (255 * n) ** 2
        deviations.append(math.sqrt(variance) or 1.0)
    return np.array(means), np.array(deviations)


def _prepare_text(pool: TextPool, how: Preparation) -> PreparedData:
    train, test = _text_split(pool, how.test_samples, how.seed)
    require_samples(how.samples, len(train))
    pairs = learn_bpe((line for pair in train for line in pair), how.vocabulary)
    chosen = [train[i] for i in corruption.draw_order(len(train), how.seed)[: how.samples]]
    arrays = {"tokenizer": np.frombuffer(pairs.to_json().encode(), np.uint8)}
    for name, part in (("train", chosen), ("test", test)):
        arrays[f"{name}_sources"] = pairs.encode([s for s, _ in part], begin=False, end=True)
        arrays[f"{name}_targets"] = pairs.encode([t for _, t in part], begin=True, end=True)
    asked = arrays["train_targets"][:, 1:]
    return PreparedData("text", arrays, pairs.size, frequency_loss(asked[asked != PADDING]))


def _text_split(
    pool: TextPool, test_samples: int | Literal["all"], seed: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    pairs = list(zip(pool.sources, pool.targets))
    if pool.test_sources is not None and pool.test_targets is not None:
        test = list(zip(pool.test_sources, pool.test_targets))
        order = _split_order(len(test), seed)
        return pairs, test if test_samples == "all" else [test[i] for i in order[:test_samples]]
    test_samples = held_out_number(test_samples)
    order = _split_order(len(pairs), seed)
    held_out = set(order[:test_samples].tolist())
    kept = [pair for i, pair in enumerate(pairs) if i not in held_out]
    return kept, [pairs[i] for i in order[:test_samples]]


def _prepare_points(pool: PointPool, how: Preparation) -> PreparedData:
    """Custom arrays; class targets get label noise in the same way as image labels."""
    inputs, targets, test_inputs, test_targets = _point_split(pool, how.test_samples, how.seed)
    require_samples(how.samples, len(inputs))
    n_classes = pool.n_classes or 0
    draws = corruption.draw(len(inputs), n_classes, how.seed)
    chosen = draws.order[: how.samples]
    arrays = {
        "train_inputs": inputs[chosen],
        "train_targets": targets[chosen],
        "test_inputs": test_inputs,
        "test_targets": test_targets,
    }
    loss = float("inf")
    if n_classes:
        noisy = corruption.noisy_labels(targets, draws, chosen, n_classes, how)
        arrays |= {"train_targets": noisy, "true_targets": targets[chosen]}
        loss = frequency_loss(noisy)
    return PreparedData("points", arrays, n_classes, loss)


def _point_split(
    pool: PointPool, test_samples: int | Literal["all"], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training inputs and targets, test inputs and targets."""
    inputs, targets = pool.inputs, pool.targets
    if pool.test_inputs is not None and pool.test_targets is not None:
        test_inputs, test_targets = pool.test_inputs, pool.test_targets
        if test_samples != "all":
            drawn = _split_order(len(test_inputs), seed)[:test_samples]
            test_inputs, test_targets = test_inputs[drawn], test_targets[drawn]
        return inputs, targets, test_inputs, test_targets
    test_samples = held_out_number(test_samples)
    order = _split_order(len(inputs), seed)
    held_out, kept = order[:test_samples], np.sort(order[test_samples:])
    return inputs[kept], targets[kept], inputs[held_out], targets[held_out]
