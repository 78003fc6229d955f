"""From a pool of images to the training and test data of one landscape."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from landscape_catalog.datasets import corruption
from landscape_catalog.datasets.pool import ImagePool


@dataclass(frozen=True)
class PreparedData:
    """The data that a landscape is built on.

    Attributes:
        train_images: (n, channels, h, w) of uint8, with pixel noise.
        train_labels: (n,) of int64, with label noise.
        true_labels: (n,) of int64, without.
        test_images: (m, channels, h, w) of uint8, clean.
        test_labels: (m,) of int64, clean.
        mean, std: (channels,) of float64: of the clean pixels in [0, 1] of all training images, so
            that the normalisation does not move along a load axis.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    true_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by name."""
        return dict(vars(self))

    def content_hash(self) -> str:
        """SHA-256 over name, type, shape and bytes of every array."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays().items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def frequency_loss(labels: np.ndarray) -> float:
    """Cross-entropy of predicting the labels' own frequencies, H = -sum p ln p, in nats.

    A run whose training loss is no better has learned nothing: it has not converged (NC).

    >>> round(frequency_loss(np.array([0, 1, 0, 1])), 4)
    0.6931
    """
    shares = np.bincount(labels) / len(labels)
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())


def prepare(
    pool: ImagePool,
    *,
    test_samples: int,
    samples: int,
    label_noise: float,
    pixel_noise: float,
    seed: int,
) -> PreparedData:
    """Hold out a stratified test set, take the first `samples` of a fixed shuffle, spoil them.

    Args:
        pool: the clean dataset.
        test_samples: images held out, the same for every load.
        samples: training samples.
        label_noise: share of labels replaced by a different class.
        pixel_noise: amplitude of uniform pixel noise, 0-255 scale.
        seed: of the split and of all draws.

    Raises:
        ValueError: if more samples are asked for than are left.
    """
    from sklearn.model_selection import train_test_split  # heavy, and only needed here

    kept, held_out = train_test_split(
        np.arange(len(pool.labels)), test_size=test_samples, stratify=pool.labels, random_state=seed
    )
    if samples > len(kept):
        raise ValueError(f"{samples} samples asked for, {len(kept)} are left")
    clean_images, clean_labels = pool.images[kept], pool.labels[kept]
    draws = corruption.draw(clean_images.shape, pool.n_classes, seed)
    chosen = draws.order[:samples]
    images, labels = clean_images[chosen], clean_labels[chosen]
    unit = clean_images / 255
    return PreparedData(
        train_images=corruption.noisy_pixels(images, draws.noise[chosen], pixel_noise),
        train_labels=corruption.noisy_labels(
            labels, draws.rank[chosen], draws.offset[chosen], label_noise, pool.n_classes
        ),
        true_labels=labels,
        test_images=pool.images[held_out],
        test_labels=pool.labels[held_out],
        mean=unit.mean(axis=(0, 2, 3)),
        std=unit.std(axis=(0, 2, 3)),
    )
