"""The format of CIFAR-10 and CIFAR-100: Python 2 pickles in one archive."""

from __future__ import annotations

import warnings
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np

from landscape_catalog.datasets.published import PublishedImages, Split

MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)


def cifar_images(
    reader: str, n_classes: int, files: dict[str, str], archive: tuple[str, str]
) -> PublishedImages:
    """50,000 training and 10,000 test images of 3 x 32 x 32; see `PublishedImages`."""
    return PublishedImages(
        reader, 50_000, 10_000, n_classes, (3, 32, 32), files, MIRRORS, _read, archive
    )


def _read(datasets: ModuleType, images: PublishedImages, folder: Path) -> tuple[Split, Split]:
    base = getattr(datasets, images.reader)
    md5s = {PurePosixPath(path).name: md5 for path, md5 in images.files.items()}
    changed = {
        "train_list": [[name, md5s[name]] for name, _ in base.train_list],
        "test_list": [[name, md5s[name]] for name, _ in base.test_list],
        "meta": {**base.meta, "md5": md5s[base.meta["filename"]]},
    }
    read = type(images.reader, (base,), changed)
    with warnings.catch_warnings():
        # NumPy 2.4.0 to 2.4.4 warns about the dtypes in the published pickles, which are from 2009.
        warnings.filterwarnings("ignore", message=".*align should be passed.*")
        train, test = (_split(read(folder, train=train)) for train in (True, False))
    return train, test


def _split(read: Any) -> Split:
    images = np.ascontiguousarray(read.data.transpose(0, 3, 1, 2))  # (n, h, w, c) to (n, c, h, w)
    return images, np.array(read.targets, np.int64)
