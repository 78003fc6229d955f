"""Images of CIFAR-10 in one small file, for machines to which little can be carried.

All images are tiles of one sheet, which is compressed without loss as WebP: 1.7 kB an image, where
a compressed `.npz` takes 2.8 kB and an uncompressed one 3.1 kB.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]  # (n, 3, height, width)
Labels = NDArray[np.int64]  # (n,)
TRAINING, TEST = ("batch_1.npz", "batch_2.npz"), "batch_5.npz"
TRAINED, TESTED = 20_000, 1_000


def packed(images: Images) -> NDArray[np.uint8]:
    """The bytes of a sheet of square images, row by row, without loss."""
    n, _, side, _ = images.shape
    columns = math.isqrt(max(n - 1, 0)) + 1
    rows = -(-n // columns)
    tiles = np.zeros((rows * columns, 3, side, side), np.uint8)
    tiles[:n] = images
    sheet = tiles.reshape(rows, columns, 3, side, side).transpose(0, 3, 1, 4, 2)
    pixels = np.ascontiguousarray(sheet).reshape(rows * side, columns * side, 3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=50)
    return np.frombuffer(file.getvalue(), np.uint8)


def unpacked(data: NDArray[np.uint8], count: int, side: int) -> Images:
    """The first `count` images of a sheet."""
    with Image.open(io.BytesIO(data.tobytes())) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    tiles = pixels.reshape(rows, side, columns, side, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiles.reshape(-1, 3, side, side)[:count])


def write(path: Path, train: tuple[Images, Labels], test: tuple[Images, Labels]) -> None:
    """Write training and test images with their labels."""
    with path.open("wb") as file:
        np.savez(
            file, train=packed(train[0]), test=packed(test[0]),
            labels=train[1].astype(np.uint8), test_labels=test[1].astype(np.uint8),
            side=np.array(train[0].shape[-1]),
        )  # fmt: skip


def read(
    source: Path, *, trained: int = TRAINED, tested: int = TESTED
) -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """The first training and test images of a file that `write` made, or of a folder of batches.

    Args:
        source: the file, or a folder with `batch_1.npz`, `batch_2.npz` and `batch_5.npz`.
        trained: number of training images.
        tested: number of test images.

    Returns:
        Images and labels for training, and for testing.

    Raises:
        ValueError: if there are fewer.
    """
    if source.is_dir():
        train, test = _of_batches(source, trained), _of_batches(source, tested, (TEST,))
    else:
        with np.load(source) as file:
            sizes, side = (len(file["labels"]), len(file["test_labels"])), int(file["side"])
            train = unpacked(file["train"], sizes[0], side), file["labels"].astype(np.int64)
            test = unpacked(file["test"], sizes[1], side), file["test_labels"].astype(np.int64)
    found = len(train[0]), len(test[0])
    if found[0] < trained or found[1] < tested:
        raise ValueError(
            f"{source.name}: {found[0]} training and {found[1]} test images, "
            f"{trained} and {tested} are needed"
        )
    return (train[0][:trained], train[1][:trained]), (test[0][:tested], test[1][:tested])


def _of_batches(
    folder: Path, count: int, names: tuple[str, ...] = TRAINING
) -> tuple[Images, Labels]:
    images, labels, found = [], [], 0
    for name in names:
        if found >= count:
            break
        with np.load(folder / name) as batch:
            images.append(batch["images"])
            labels.append(batch["labels"].astype(np.int64))
        found += len(images[-1])
    return np.concatenate(images), np.concatenate(labels)
