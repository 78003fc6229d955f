"""The data that a landscape is built on, as arrays by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from landscape_catalog.datasets.facts import Kind

# What a sample's input and target are called, with `train_` or `test_` before it.
ARRAY_NAMES: dict[Kind, tuple[str, str]] = {
    "images": ("images", "labels"),
    "text": ("sources", "targets"),
    "points": ("inputs", "targets"),
}


@dataclass(frozen=True)
class PreparedData:
    """Training and test data of one landscape.

    Attributes:
        kind: what the arrays are.
        arrays: by name. `images`: `train_images` (n, channels, h, w) of uint8 with pixel noise,
            `train_labels` (n,) of int64 with label noise, `true_labels` without, `test_images`,
            `test_labels`, clean, and `mean`, `std` (channels,) of the clean pixels in [0, 1] of all
            training images, so that the normalisation does not move along a load axis. `text`:
            `train_sources`, `train_targets`, `test_sources`, `test_targets` of int32 tokens, and
            `tokenizer`, its JSON as bytes. `points`: `train_inputs`, `train_targets`,
            `test_inputs`, `test_targets`.
        n_outputs: classes or vocabulary; 0 where there are none.
        frequency_loss: cross-entropy of predicting the training targets' frequencies, nats;
            infinite where targets have none.
    """

    kind: Kind
    arrays: dict[str, np.ndarray]
    n_outputs: int
    frequency_loss: float

    def content_hash(self) -> str:
        """SHA-256 over name, type, shape and bytes of every array."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
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


def require_samples(wanted: int, available: int) -> None:
    """Refuse more samples than there are, with ValueError."""
    if wanted > available:
        raise ValueError(f"{wanted} samples asked for, {available} are left")


def held_out_number(test_samples: int | Literal["all"]) -> int:
    """How many samples are held out; `all` is refused with ValueError, since all leave none."""
    if test_samples == "all":
        raise ValueError("`all` test samples, and the dataset has no test split")
    return test_samples
