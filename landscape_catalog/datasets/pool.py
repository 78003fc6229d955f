"""Pools: datasets as read, before test samples are held out and noise is added."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from landscape_catalog.errors import DataError


@dataclass(frozen=True)
class ImagePool:
    """Clean images of equal size, with their classes.

    Attributes:
        images: (n, channels, height, width) of uint8.
        labels: (n,) of int64, in 0..n_classes-1.
        n_classes: number of classes.
        test_images, test_labels: the dataset's own test split, or None.
        turned: whether an image was turned as its EXIF data say, which the first version did not:
            such data have another id than those that it read from the same file.
    """

    images: np.ndarray
    labels: np.ndarray
    n_classes: int
    test_images: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    turned: bool = False

    def checksum(self) -> str:
        """SHA-256 of the images and labels, followed by those of the test split if there is one."""
        digest = hashlib.sha256()
        for array in (self.images, self.labels, self.test_images, self.test_labels):
            if array is not None:
                digest.update(array.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class TextPool:
    """Sentence pairs: target i is the translation of source i.

    Attributes:
        sources, targets: of equal length.
        test_sources, test_targets: the dataset's own test split, or None.
    """

    sources: list[str]
    targets: list[str]
    test_sources: list[str] | None = None
    test_targets: list[str] | None = None

    def checksum(self) -> str:
        """SHA-256 of the four lists as JSON."""
        lists = [self.sources, self.targets, self.test_sources, self.test_targets]
        return hashlib.sha256(json.dumps(lists, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class PointPool:
    """Custom arrays of any shape.

    Attributes:
        inputs: (n, ...) of float32.
        targets: (n, ...) of int64 or float32.
        n_classes: number of classes, or None if the targets are not classes.
        test_inputs, test_targets: a test split, or None.
    """

    inputs: np.ndarray
    targets: np.ndarray
    n_classes: int | None
    test_inputs: np.ndarray | None = None
    test_targets: np.ndarray | None = None

    def checksum(self) -> str:
        """SHA-256 over the name, dtype, shape and bytes of every array."""
        digest = hashlib.sha256()
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):
                digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
                digest.update(array.tobytes())
        return digest.hexdigest()


Pool = ImagePool | TextPool | PointPool

CHANNELS = (1, 3, 4)  # of greyscale, RGB and RGBA images


def require_channels_first(shape: tuple[int, ...], where: str) -> None:
    """Reject a shape of images whose last axis may be the channel axis.

    A last axis of 1, 3 or 4 is accepted as the width only if the second axis is 1, 3 or 4 as well
    and the image is square: (n, 3, 4, 4), but neither (n, 4, 4, 3) nor (n, 3, 9, 3).

    Raises:
        DataError: if the shape is that of channels last, or is ambiguous.
    """
    if len(shape) != 4 or shape[3] not in CHANNELS:
        return
    channels, height, width = shape[1:]
    if channels not in CHANNELS or height != width:
        raise DataError(
            f"{where} have shape {shape}, which looks like channels last; "
            "expected (n, channels, height, width), or (n, height, width) for greyscale"
        )


def check_images(pool: ImagePool, where: str) -> None:
    """Reject a pool that cannot be trained on.

    Args:
        pool: the pool as read.
        where: the dataset or file, for messages.

    Raises:
        DataError: at the first problem with the class count, dtype, shape, labels or test split.
    """
    if pool.n_classes < 2:
        raise DataError(f"{where}: {pool.n_classes} classes; at least 2 are needed")
    _check_split(pool.images, pool.labels, pool.n_classes, where)
    if pool.test_images is None and pool.test_labels is None:
        return
    if pool.test_images is None or pool.test_labels is None:
        raise DataError(f"{where}: test images and test labels must be given together")
    _check_split(pool.test_images, pool.test_labels, pool.n_classes, f"{where}, test split")
    if pool.test_images.shape[1:] != pool.images.shape[1:]:
        raise DataError(
            f"{where}: test images are {_size(pool.test_images)}, "
            f"but training images are {_size(pool.images)}"
        )


def _check_split(images: np.ndarray, labels: np.ndarray, n_classes: int, where: str) -> None:
    if images.dtype != np.uint8:
        raise DataError(f"{where}: images are {images.dtype}; expected uint8 in 0-255")
    if images.ndim != 4:
        raise DataError(
            f"{where}: images have {images.ndim} dimensions; expected (n, channels, height, width)"
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f"{where}: labels are {labels.dtype} of {labels.ndim} dimensions; "
            "expected one integer per image"
        )
    if len(images) != len(labels):
        raise DataError(f"{where}: {len(images)} images but {len(labels)} labels")
    if images.size == 0:
        raise DataError(f"{where}: no samples: images have shape {images.shape}")
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if len(outside):
        raise DataError(
            f"{where}: label {labels[outside[0]]} at index {outside[0]} "
            f"is not in 0..{n_classes - 1}"
        )


def _size(images: np.ndarray) -> str:
    return " x ".join(str(side) for side in images.shape[1:])
