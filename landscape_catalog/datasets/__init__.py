"""Datasets: what an experiment can name, and how it becomes training and test data."""

from __future__ import annotations

from collections.abc import Callable

from landscape_catalog.datasets import digits
from landscape_catalog.datasets.pool import DatasetFacts, ImagePool
from landscape_catalog.datasets.prepare import PreparedData, frequency_loss, prepare

FACTS = {
    "digits": DatasetFacts(
        checksum=digits.CHECKSUM,
        n_images=digits.N_IMAGES,
        n_classes=digits.N_CLASSES,
        channels=1,
        height=digits.SIZE,
        width=digits.SIZE,
    )
}
LOADERS: dict[str, Callable[[], ImagePool]] = {"digits": digits.load_digits}

__all__ = [
    "FACTS",
    "LOADERS",
    "DatasetFacts",
    "ImagePool",
    "PreparedData",
    "frequency_loss",
    "prepare",
]
