"""A user's own labelled images from one file: `.npz`, `.safetensors` or `.parquet`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from landscape_catalog.datasets.array_files import ArrayFile, open_npz, open_safetensors
from landscape_catalog.datasets.classes import classes_of_test, training_classes
from landscape_catalog.datasets.parquet import open_parquet
from landscape_catalog.datasets.pool import ImagePool, check_images, require_channels_first
from landscape_catalog.datasets.room import require_memory
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.datasets.user_files import (
    checksum_of_given,
    given_paths,
    parameter,
    require_data,
)
from landscape_catalog.errors import DataError, shown

TEST = ("test_images", "test_labels")
INTEGERS = frozenset(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
LISTED = 12  # names of a file that a message lists


def read_arrays(path: Path, test_path: Path | None = None) -> ImagePool:
    """Read images and labels, and a test split from the same file or a second one.

    `.npz` and `.safetensors` contain `images`, (n, height, width) or (n, channels, height, width)
    of uint8, and `labels`, (n,) of integers from 0; `test_images` and `test_labels` are optional.
    `.parquet` contains columns `image` and `label`; an image is a nested list of that shape, or a
    PNG or JPEG (bytes, or a struct with `bytes` as written by Hugging Face), decoded by Pillow.
    PNG decodes to the same bytes everywhere; JPEG may differ between versions of Pillow's decoder.

    Types, shapes and sizes are checked before an array is unpacked.

    Args:
        path: the training images, or the images of both splits.
        test_path: the test images, named as training images are.

    Returns:
        The pool; its classes are those of the training labels.

    Raises:
        DataError: names the parameter, the file and the problem.
    """
    with parameter("dataset.path"), _opened(path) as file:
        images, labels = _split(file, "")
        labels, n_classes = training_classes(labels, f"{path}: labels")
        pool = ImagePool(images, labels, n_classes, turned=file.turned)
        check_images(pool, str(path))
        within = [name for name in TEST if name in file.names]
        if test_path is None:
            return _with_test(pool, file, "test_") if within else pool
    with parameter("dataset.test_path"):
        if within:
            raise DataError(f"{path} contains {within[0]}; {test_path} is a second test split")
        with _opened(test_path) as file:
            return _with_test(pool, file, "")


def _with_test(pool: ImagePool, file: ArrayFile, prefix: str) -> ImagePool:
    """The pool with a test split."""
    images, labels = _split(file, prefix)
    labels = classes_of_test(labels, pool.labels, f"{file.path}: {prefix}labels")
    turned = pool.turned or file.turned
    pool = replace(pool, test_images=images, test_labels=labels, turned=turned)
    check_images(pool, str(file.path))
    return pool


@contextmanager
def _opened(path: Path) -> Iterator[ArrayFile]:
    formats: dict[str, Callable[[Path], AbstractContextManager[ArrayFile]]] = {
        ".npz": open_npz,
        ".safetensors": open_safetensors,
        ".parquet": open_parquet,
    }
    if path.suffix not in formats:
        raise DataError(f"{path}: the file name must end in one of {', '.join(formats)}")
    require_data(path)
    with formats[path.suffix](path) as file:
        yield file


def _split(file: ArrayFile, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, c, h, w) and labels (n,) of one split."""
    images, labels = f"{prefix}images", f"{prefix}labels"
    for name in (images, labels):
        if name not in file.names:
            raise DataError(f"{file.path}: {name} is missing; found: {_listed(file.names)}")
    shape = _check_images(file, images)
    _check_labels(file, labels, shape[0])
    pixels = file.load(images)
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    return np.ascontiguousarray(pixels), file.load(labels)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(shown(name)[1:-1] for name in names[:LISTED])}{more}" or "nothing"


def _check_images(file: ArrayFile, name: str) -> tuple[int, ...]:
    """The shape of an array of images, after checking its header."""
    header = file.header(name)
    where = f"{file.path}: {name}"
    if header.dtype != "uint8":
        raise DataError(f"{where} are {header.dtype}; expected uint8 in 0-255")
    if len(header.shape) not in (3, 4):
        raise DataError(
            f"{where} have shape {header.shape}; "
            "expected (n, height, width) or (n, channels, height, width)"
        )
    if not file.encoded:  # encoded images are unambiguous
        require_channels_first(header.shape, where)
    require_memory(header.size, where)
    return header.shape


def _check_labels(file: ArrayFile, name: str, n_images: int) -> None:
    header, where = file.header(name), f"{file.path}: {name}"
    if header.dtype not in INTEGERS or len(header.shape) != 1:
        raise DataError(
            f"{where} are {header.dtype} of shape {header.shape}; expected one integer per image"
        )
    if header.shape[0] != n_images:
        raise DataError(f"{where}: {n_images} images but {header.shape[0]} labels")
    if not n_images:
        raise DataError(f"{where}: no samples")


def _source(settings: DatasetSettings, project: Path) -> Source:
    path, test_path = given_paths(settings, project)
    checksum = checksum_of_given(path, test_path, lambda file: [file])
    return Source(checksum, partial(read_arrays, path, test_path))


DATASET = DatasetSpec(
    "arrays",
    kind="images",
    origin="your own file",
    source=_source,
    uses=frozenset({"path", "test_path"}),
)
