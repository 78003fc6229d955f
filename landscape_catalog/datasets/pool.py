"""A dataset as it comes: images and labels, before anything is held out or spoilt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImagePool:
    """Clean images, (n, channels, h, w) of uint8, labels (n,) of int64, and the class count."""

    images: np.ndarray
    labels: np.ndarray
    n_classes: int

    def checksum(self) -> str:
        """SHA-256 of the images and labels."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a dataset before it is read: enough to plan a grid and to name its data."""

    checksum: str
    n_images: int
    n_classes: int
    channels: int
    height: int
    width: int
