"""Subset, label noise and pixel noise: three ways to change the load through the data.

Each sample has one rank, one wrong label and one unit of noise, drawn once for a dataset and a
seed; the levels only cut and scale them. So levels are nested: the labels wrong at 10% are wrong at
20% too.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import numpy as np

NOISE_ROWS = 4096  # images whose pixel noise is drawn at a time, to bound memory


@dataclass(frozen=True)
class Draws:
    """The randomness of a training set, one entry a sample of the shuffled pool.

    Attributes:
        order: (n,) the fixed shuffle of the pool.
        rank: (n,) in [0, 1): the samples of lowest rank get a wrong label first.
        offset: (n,) in 1..classes-1: how far the wrong label lies from the true one.
        any_label: (n,) in 0..classes-1: the label that replaces it where any will do.
    """

    order: np.ndarray
    rank: np.ndarray
    offset: np.ndarray
    any_label: np.ndarray


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, stream]))


def draw_order(n: int, seed: int) -> np.ndarray:
    """The fixed shuffle of a pool of n samples, (n,)."""
    return _generator(seed, 0).permutation(n)


def draw(n: int, n_classes: int, seed: int) -> Draws:
    """Draw everything about labels once for a pool, from a counter-based generator."""
    return Draws(
        order=draw_order(n, seed),
        rank=_generator(seed, 1).random(n),
        offset=_generator(seed, 2).integers(1, max(n_classes, 2), size=n),
        any_label=_generator(seed, 4).integers(max(n_classes, 1), size=n),
    )


def labels_of_any_class(
    labels: np.ndarray, rank: np.ndarray, any_label: np.ndarray, share: float
) -> np.ndarray:
    """Replace round(share * n) labels by one drawn from all classes, perhaps the true one.

    As in the authors' file of noisy labels: one draw in `classes` changes nothing.
    """
    chosen = np.argsort(rank, kind="stable")[: n_changed(share, len(labels))]
    changed = labels.copy()
    changed[chosen] = any_label[chosen]
    return changed


def noisy_labels(
    labels: np.ndarray, rank: np.ndarray, offset: np.ndarray, share: float, n_classes: int
) -> np.ndarray:
    """Replace exactly round(share * n) labels by a different class, those of lowest rank.

    The new class is (label + offset) mod classes, uniform over the other classes. Halves round up.

    Args:
        labels: (n,) true labels.
        rank: (n,) of `Draws`.
        offset: (n,) of `Draws`.
        share: between 0 and 1.
        n_classes: number of classes.

    >>> noisy_labels(np.array([0, 1, 2]), np.array([.9, .1, .5]), np.array([1, 1, 1]), 1 / 3, 3)
    array([0, 2, 2])
    """
    chosen = np.argsort(rank, kind="stable")[: n_changed(share, len(labels))]
    changed = labels.copy()
    changed[chosen] = (labels[chosen] + offset[chosen]) % n_classes
    return changed


def with_label_noise(
    labels: np.ndarray,
    draws: Draws,
    chosen: np.ndarray,
    *,
    share: float,
    n_classes: int,
    mode: Literal["different", "any"],
) -> np.ndarray:
    """The labels of the chosen samples of a pool, a share of them replaced in one of two ways.

    Args:
        labels: (n,) true labels of the pool.
        draws: of the pool.
        chosen: (samples,) their places in the pool.
        share: between 0 and 1.
        n_classes: number of classes.
        mode: by a `different` class (`noisy_labels`) or by `any` (`labels_of_any_class`).
    """
    true, rank = labels[chosen], draws.rank[chosen]
    if mode == "any":
        return labels_of_any_class(true, rank, draws.any_label[chosen], share)
    return noisy_labels(true, rank, draws.offset[chosen], share, n_classes)


def n_changed(share: float, n: int) -> int:
    """How many labels a share stands for: share * n to the nearest whole number, halves up.

    >>> n_changed(0.2, 1437), n_changed(0.29, 50)
    (287, 15)
    """
    exact = Decimal(repr(float(share))) * n  # as written: 0.29 * 50 is 14.5, and rounds up
    return int(exact.to_integral_value(ROUND_HALF_UP))


def noisy_pixels(images: np.ndarray, *, amplitude: float, seed: int) -> np.ndarray:
    """Add uniform noise in [0, amplitude] to every pixel, clip at 255, round to uint8.

    The unit noise of an image depends on the seed and its place in the pool, so that levels are
    nested.

    Args:
        images: the whole pool in its own order, (n, channels, h, w) of uint8.
        amplitude: on the 0-255 scale.
        seed: of the noise.

    Source: Yang et al. 2021, appendix D.6.
    """
    if amplitude == 0:
        return images
    generator, noisy = _generator(seed, 3), np.empty_like(images)
    for start in range(0, len(images), NOISE_ROWS):
        rows = images[start : start + NOISE_ROWS]
        spoilt = rows + amplitude * generator.random(rows.shape)
        noisy[start : start + NOISE_ROWS] = np.rint(np.clip(spoilt, 0, 255))
    return noisy
