"""scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels, embedded, no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landscape_catalog.datasets.facts import DataFacts
from landscape_catalog.datasets.pool import ImagePool
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.errors import ContentMismatchError

N_IMAGES, SIZE, N_CLASSES, HIGHEST = 1797, 8, 10, 16
CHECKSUM = "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"


def load_digits() -> ImagePool:
    """Read the digits, with grey values 0..16 rescaled to 0..255 and rounded.

    Raises:
        ContentMismatchError: if the digits of the installed scikit-learn have another checksum.

    Source: Alpaydin and Kaynak 1998, UCI; shipped with scikit-learn.
    """
    from sklearn.datasets import load_digits as read  # heavy, and only needed here

    bunch = read()
    images = np.rint(bunch.data.reshape(-1, 1, SIZE, SIZE) * (255 / HIGHEST)).astype(np.uint8)
    pool = ImagePool(images, bunch.target.astype(np.int64), N_CLASSES)
    if pool.checksum() != CHECKSUM:
        raise ContentMismatchError(
            f"scikit-learn's digits have checksum {pool.checksum()[:12]}, expected {CHECKSUM[:12]}"
        )
    return pool


def _source(settings: DatasetSettings, project: Path) -> Source:
    facts = DataFacts("images", CHECKSUM, N_IMAGES, 0, N_CLASSES, (1, SIZE, SIZE))
    return Source(CHECKSUM, load_digits, facts)


DATASET = DatasetSpec("digits", kind="images", origin="embedded", source=_source)
