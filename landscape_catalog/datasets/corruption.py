"""Subsampling, label noise and pixel noise: the load parameters of the data.

Each sample gets a rank, a wrong label and unit noise, drawn once per dataset and seed; the noise
level only selects and scales them. Levels are therefore nested: labels that are wrong at 10% are
also wrong at 20%.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from landscape_catalog.datasets.preparation import Preparation

NOISE_ROWS = 4096  # images per draw of pixel noise, to bound memory


@dataclass(frozen=True)
class Draws:
    """The random draws for a pool, one entry per sample.

    Attributes:
        order: (n,) the fixed shuffle of the pool.
        rank: (n,) in [0, 1): the samples with the lowest ranks get a wrong label first.
        offset: (n,) in 1..classes-1: difference of wrong and true label, modulo the classes.
        any_label: (n,) in 0..classes-1: the new label if it may be of any class.
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
    """Make all draws for a pool except pixel noise, from a counter-based generator."""
    return Draws(
        order=draw_order(n, seed),
        rank=_generator(seed, 1).random(n),
        offset=_generator(seed, 2).integers(1, max(n_classes, 2), size=n),
        any_label=_generator(seed, 4).integers(max(n_classes, 1), size=n),
    )


def noisy_labels(
    labels: np.ndarray, draws: Draws, chosen: np.ndarray, n_classes: int, how: Preparation
) -> np.ndarray:
    """Labels of the chosen samples of a pool, with exactly round(label_noise * n) replaced.

    The samples with the lowest ranks are replaced. In mode `different` the new class is
    (label + offset) mod classes, uniform over the other classes; in mode `any` it is drawn from all
    classes, so that one draw in n_classes keeps the label, as in the authors' file of noisy labels.

    Args:
        labels: (n,) true labels of the pool.
        draws: the draws for the pool.
        chosen: (samples,) indices into the pool.
        n_classes: number of classes.
        how: the preparation, with the share and mode of label noise.
    """
    noisy = labels[chosen]  # a copy
    n_replaced = n_changed(how.label_noise, len(noisy))
    replaced = np.argsort(draws.rank[chosen], kind="stable")[:n_replaced]
    if how.label_noise_mode == "any":
        noisy[replaced] = draws.any_label[chosen][replaced]
    else:
        noisy[replaced] = (noisy[replaced] + draws.offset[chosen][replaced]) % n_classes
    return noisy


def n_changed(share: float, n: int) -> int:
    """The number of labels to change: share * n rounded to the nearest integer, halves up.

    >>> n_changed(0.2, 1437), n_changed(0.29, 50)
    (287, 15)
    """
    exact = Decimal(repr(float(share))) * n  # 0.29 * 50 is exactly 14.5 and rounds up
    return int(exact.to_integral_value(ROUND_HALF_UP))


def noisy_pixels(images: np.ndarray, *, amplitude: float, seed: int) -> np.ndarray:
    """Add uniform noise in [0, amplitude] to every pixel, clip at 255, round to uint8.

    The unit noise of an image depends only on the seed and its position in the pool, so that
    levels are nested.

    Args:
        images: the whole pool in its original order, (n, channels, h, w) of uint8.
        amplitude: on the 0-255 scale.
        seed: of the noise.

    Source: Yang et al. 2021, appendix D.6.
    """
    if amplitude == 0:
        return images
    generator, noisy = _generator(seed, 3), np.empty_like(images)
    for start in range(0, len(images), NOISE_ROWS):
        rows = images[start : start + NOISE_ROWS]
        raised = rows + amplitude * generator.random(rows.shape)
        noisy[start : start + NOISE_ROWS] = np.rint(np.clip(raised, 0, 255))
    return noisy
