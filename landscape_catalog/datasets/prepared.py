"""The prepared data of a landscape, as named arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from landscape_catalog.datasets.facts import Kind

# Names of inputs and targets, to be prefixed by `train_` or `test_`.
ARRAY_NAMES: dict[Kind, tuple[str, str]] = {
    "images": ("images", "labels"),
    "text": ("sources", "targets"),
    "points": ("inputs", "targets"),
}


@dataclass(frozen=True)
class PreparedData:
    """Training and test data of one landscape.

    Attributes:
        kind: the kind of data.
        arrays: by name. `images`: `train_images` (n, channels, h, w) of uint8 with pixel noise,
            `train_labels` (n,) of int64 with label noise, `true_labels` without it, clean
            `test_images` and `test_labels`, and `mean` and `std`, (channels,), of the clean pixels
            in [0, 1] of all training images, so that the normalisation does not change along a load
            axis. `text`: `train_sources`, `train_targets`, `test_sources`, `test_targets` of int32
            tokens, and `tokenizer`, its JSON as bytes. `points`: `train_inputs`, `train_targets`,
            `test_inputs`, `test_targets`; with classes also `true_targets`.
        n_outputs: number of classes or vocabulary size; 0 if there are none.
        frequency_loss: cross-entropy of predicting the frequencies of the training targets, in
            nats; infinite if the targets are not discrete.
    """

    kind: Kind
    arrays: dict[str, np.ndarray]
    n_outputs: int
    frequency_loss: float

    def content_hash(self) -> str:
        """SHA-256 over the name, dtype, shape and bytes of every array."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def frequency_loss(labels: np.ndarray) -> float:
    """Cross-entropy of always predicting the labels' frequencies, H = -sum p ln p, in nats.

    A run whose training loss is not below it has learned nothing: it has not converged (NC).

    >>> round(frequency_loss(np.array([0, 1, 0, 1])), 4)
    0.6931
    """
    shares = np.bincount(labels) / len(labels)
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())


def require_samples(wanted: int, available: int) -> None:
    """Raise ValueError if more samples are requested than available."""
    if wanted > available:
        raise ValueError(f"{wanted} samples requested, {available} available")


def held_out_number(test_samples: int | Literal["all"]) -> int:
    """Number of samples to hold out; raises ValueError for `all`, which would leave none."""
    if test_samples == "all":
        raise ValueError("`all` test samples requested, but the dataset has no test split")
    return test_samples
