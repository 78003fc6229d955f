"""The format of MNIST and of its drop-in replacements: four gzipped IDX files."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from landscape_catalog.datasets.published import PublishedImages, Split

NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def idx_images(
    reader: str, md5s: tuple[str, str, str, str], mirrors: tuple[str, ...]
) -> PublishedImages:
    """60,000 training and 10,000 test images of 28 x 28 pixels in ten classes.

    Args:
        reader: torchvision's name of the dataset.
        md5s: of training images, training labels, test images and test labels.
        mirrors: see `PublishedImages`.
    """
    files = {f"{reader}/raw/{name}-ubyte.gz": md5 for name, md5 in zip(NAMES, md5s)}
    return PublishedImages(reader, 60_000, 10_000, 10, (1, 28, 28), files, mirrors, _read)


def _read(datasets: ModuleType, images: PublishedImages, folder: Path) -> tuple[Split, Split]:
    with tempfile.TemporaryDirectory() as scratch:
        # Always unpack the verified archives: unpacked copies in the folder have no published MD5.
        raw = Path(scratch) / images.reader / "raw"
        raw.mkdir(parents=True)
        for path in images.files:
            packed = folder / path
            with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
                shutil.copyfileobj(source, target)
        read = getattr(datasets, images.reader)
        train, test = (read(scratch, train=train) for train in (True, False))
    return _split(train), _split(test)


def _split(read: Any) -> Split:
    return read.data.numpy()[:, None], read.targets.numpy().astype(np.int64)
