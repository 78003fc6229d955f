"""SVHN: house numbers cropped to one digit (Netzer et al. 2011)."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from landscape_catalog.datasets.published import PublishedImages, Split, published_dataset


def _read(datasets: ModuleType, images: PublishedImages, folder: Path) -> tuple[Split, Split]:
    base = datasets.SVHN
    lists = {
        split: [url, name, images.files[name]]
        for split, (url, name, _) in base.split_list.items()
        if name in images.files
    }
    read = type(images.reader, (base,), {"split_list": lists})
    train, test = (_split(read(folder, split=split)) for split in ("train", "test"))
    return train, test


def _split(read: Any) -> Split:
    return np.ascontiguousarray(read.data), read.labels.reshape(-1)


IMAGES = PublishedImages(
    "SVHN",
    73_257,
    26_032,
    10,
    (3, 32, 32),
    {
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    },
    ("http://ufldl.stanford.edu/housenumbers/",),
    _read,
)
DATASET = published_dataset("svhn", IMAGES)
