"""A user's own labelled images from one file: `.npz`, `.safetensors` or `.parquet`."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from landscape_catalog.datasets.classes import classes_of_test, training_classes
from landscape_catalog.datasets.parquet import read_parquet
from landscape_catalog.datasets.pool import ImagePool, check_images, require_channels_first
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.datasets.user_files import checksum_of_given, given_paths, parameter
from landscape_catalog.errors import DataError

Arrays = dict[str, np.ndarray]
NAMES = ("images", "labels", "test_images", "test_labels")


def read_arrays(path: Path, test_path: Path | None = None) -> ImagePool:
    """Read images and labels, and a test split from the same file or a second one.

    `.npz` and `.safetensors` contain `images`, (n, height, width) or (n, channels, height, width)
    of uint8, and `labels`, (n,) of integers from 0; `test_images` and `test_labels` are optional.
    `.parquet` contains columns `image` and `label`; an image is a nested list of that shape, or an
    encoded image (bytes, or a struct with `bytes` as written by Hugging Face), decoded by Pillow.
    PNG decodes to the same bytes everywhere; JPEG may differ between versions of Pillow's decoder.

    Args:
        path: the training images, or the images of both splits.
        test_path: the test images, named as training images are.

    Returns:
        The pool; its classes are those of the training labels.

    Raises:
        DataError: names the parameter, the file and the problem.
    """
    with parameter("dataset.path"):
        found = _read(path)
        images, labels = _split(found, "", path)
        labels, n_classes = training_classes(labels, f"{path}: labels")
        check_images(ImagePool(images, labels, n_classes), str(path))
    within = found.keys() & {"test_images", "test_labels"}
    if test_path is None and not within:
        return ImagePool(images, labels, n_classes)
    with parameter("dataset.path" if test_path is None else "dataset.test_path"):
        if test_path is None:
            prefix, test_path = "test_", path
        elif within:
            raise DataError(f"{path} contains {min(within)}; {test_path} is a second test split")
        else:
            prefix, found = "", _read(test_path)
        test_images, test_labels = _split(found, prefix, test_path)
        test_labels = classes_of_test(test_labels, labels, f"{test_path}: {prefix}labels")
        pool = ImagePool(images, labels, n_classes, test_images, test_labels)
        check_images(pool, str(test_path))
    return pool


def _read(path: Path) -> Arrays:
    readers: dict[str, Callable[[Path], Arrays]] = {
        ".npz": _read_npz,
        ".safetensors": _read_safetensors,
        ".parquet": read_parquet,
    }
    if path.suffix not in readers:
        raise DataError(f"{path}: the file name must end in one of {', '.join(readers)}")
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    found = readers[path.suffix](path)
    if path.suffix != ".parquet":  # checked there, since encoded images are unambiguous
        for name in found.keys() & {"images", "test_images"}:
            require_channels_first(found[name], f"{path}: {name}")
    return found


def _split(found: Arrays, prefix: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, c, h, w) and labels (n,) of one split."""
    for name in (f"{prefix}images", f"{prefix}labels"):
        if name not in found:
            raise DataError(f"{path}: {name} is missing; found: {', '.join(found) or 'nothing'}")
    images, labels = found[f"{prefix}images"], found[f"{prefix}labels"]
    if images.dtype != np.uint8:
        raise DataError(f"{path}: {prefix}images are {images.dtype}; expected uint8 in 0-255")
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise DataError(
            f"{path}: {prefix}images have shape {images.shape}; "
            "expected (n, height, width) or (n, channels, height, width)"
        )
    _check_labels(labels, len(images), f"{path}: {prefix}labels")
    return np.ascontiguousarray(images), labels


def _check_labels(labels: np.ndarray, n_images: int, where: str) -> None:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f"{where} are {labels.dtype} of shape {labels.shape}; expected one integer per image"
        )
    if len(labels) != n_images:
        raise DataError(f"{where}: {n_images} images but {len(labels)} labels")
    if not n_images:
        raise DataError(f"{where}: no samples")


def _read_npz(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not an .npz archive, or is truncated")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in NAMES if name in archive}
    except ValueError as error:
        raise DataError(
            f"{path}: {error}. Arrays of Python objects are rejected, since loading them can run "
            "code; save numeric arrays"
        ) from error
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    except RuntimeError as error:  # raised by zipfile for an encrypted member
        raise DataError(f"{path} cannot be read: {error}") from error


def _read_safetensors(path: Path) -> Arrays:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            present = [name for name in NAMES if name in file.keys()]  # noqa: SIM118 (no dict)
            for name in present:
                if (kind := file.get_slice(name).get_dtype()) == "BF16":  # NumPy has no such type
                    raise DataError(f"{path}: {name} are {kind}; expected uint8 in 0-255")
            return {name: file.get_tensor(name) for name in present}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is damaged or not a safetensors file: {error}") from error


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
