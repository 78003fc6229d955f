"""Subset, label noise and pixel noise: three ways to change the load through the data.

Each sample has one rank, one wrong label and one unit of noise, drawn once for a dataset and a
seed; the levels only cut and scale them. So levels are nested: the labels wrong at 10% are wrong at
20% too.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np


@dataclass(frozen=True)
class Draws:
    """The randomness of a training set, one entry a sample of the shuffled pool.

    Attributes:
        order: (n,) the fixed shuffle of the pool.
        rank: (n,) in [0, 1): the samples of lowest rank get a wrong label first.
        offset: (n,) in 1..classes-1: how far the wrong label lies from the true one.
        noise: (n, channels, h, w) in [0, 1): the noise of each pixel, in units of its amplitude.
    """

    order: np.ndarray
    rank: np.ndarray
    offset: np.ndarray
    noise: np.ndarray


def draw(shape: tuple[int, int, int, int], n_classes: int, seed: int) -> Draws:
    """Draw everything once for a pool of images of this shape, from a counter-based generator."""
    n = shape[0]

    def generator(stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, stream]))

    return Draws(
        order=generator(0).permutation(n),
        rank=generator(1).random(n),
        offset=generator(2).integers(1, n_classes, size=n),
        noise=generator(3).random(shape),
    )


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


def n_changed(share: float, n: int) -> int:
    """How many labels a share stands for: share * n to the nearest whole number, halves up.

    >>> n_changed(0.2, 1437), n_changed(0.29, 50)
    (287, 15)
    """
    exact = Decimal(repr(float(share))) * n  # as written: 0.29 * 50 is 14.5, and rounds up
    return int(exact.to_integral_value(ROUND_HALF_UP))


def noisy_pixels(images: np.ndarray, noise: np.ndarray, amplitude: float) -> np.ndarray:
    """Add uniform noise in [0, amplitude] to every pixel, clip at 255, round to uint8.

    Args:
        images: (n, channels, h, w) of uint8.
        noise: the same shape, in [0, 1).
        amplitude: on the 0-255 scale.

    Source: Yang et al. 2021, appendix D.6.
    """
    return np.rint(np.clip(images + amplitude * noise, 0, 255)).astype(np.uint8)
