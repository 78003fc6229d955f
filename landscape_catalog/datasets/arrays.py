"""A user's own labelled images from one file: `.npz`, `.safetensors` or `.parquet`."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from landscape_catalog.datasets.pool import ImagePool, check_images
from landscape_catalog.errors import DataError

Arrays = dict[str, np.ndarray]
NAMES = ("images", "labels", "test_images", "test_labels")
CHANNELS = (1, 3, 4)


def read_arrays(path: Path, test_path: Path | None = None) -> ImagePool:
    """Read images and labels, and a test split from the same file or another.

    `.npz` and `.safetensors` hold `images` (n, height, width) or (n, channels, height, width) of
    uint8 and `labels` (n,) of whole numbers from 0, and may hold `test_images` and `test_labels`.
    `.parquet` holds columns `image` and `label`; an image is nested lists of that shape, or an
    encoded image (bytes, or a struct with `bytes` as Hugging Face writes it), which Pillow decodes.
    PNG decodes to the same bytes everywhere; JPEG may differ between versions of Pillow's decoder.

    Args:
        path: the training images, or all of them.
        test_path: the test images, under the names of training images.

    Returns:
        The pool; its class count is the highest label of both splits + 1.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    found = _read(path)
    train = _split(found, "", path)
    test: tuple[np.ndarray, np.ndarray] | None = None
    within = found.keys() & {"test_images", "test_labels"}
    if test_path is not None:
        if within:
            raise DataError(f"{path} holds {min(within)} itself; {test_path} is one too many")
        test = _split(_read(test_path), "", test_path)
    elif within:
        test = _split(found, "test_", path)
    highest = max(int(labels.max()) for _, labels in (train, test or train))
    pool = ImagePool(*train, highest + 1, *(test or (None, None)))
    check_images(pool, str(path) if test_path is None else f"{path} and {test_path}")
    return pool


def file_checksum(paths: Iterable[Path]) -> str:
    """SHA-256 of one file, or over those of several in their order.

    Of several it is not that of their bytes joined: lines that move from the end of one to the
    start of the next would not show.

    Raises:
        DataError: if one is missing or cannot be read.
    """
    digests = []
    for path in paths:
        try:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def _read(path: Path) -> Arrays:
    readers: dict[str, Callable[[Path], Arrays]] = {
        ".npz": _read_npz,
        ".safetensors": _read_safetensors,
        ".parquet": _read_parquet,
    }
    if path.suffix not in readers:
        raise DataError(f"{path}: the name must end in one of {', '.join(readers)}")
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    return readers[path.suffix](path)


def _split(found: Arrays, prefix: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, c, h, w) and labels (n,) of one split."""
    for name in (f"{prefix}images", f"{prefix}labels"):
        if name not in found:
            raise DataError(f"{path}: {name} is missing; it holds {', '.join(found) or 'none'}")
    images, labels = found[f"{prefix}images"], found[f"{prefix}labels"]
    if images.dtype != np.uint8:
        raise DataError(f"{path}: {prefix}images are {images.dtype}; give uint8 on the 0-255 scale")
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise DataError(
            f"{path}: {prefix}images have shape {images.shape}; "
            "give (n, height, width) or (n, channels, height, width)"
        )
    if images.shape[3] in CHANNELS and images.shape[1] not in CHANNELS:
        raise DataError(
            f"{path}: {prefix}images have shape {images.shape}, channels last; "
            "give (n, channels, height, width)"
        )
    return np.ascontiguousarray(images), _labels(labels, len(images), f"{path}: {prefix}labels")


def _labels(labels: np.ndarray, n_images: int, where: str) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f"{where} are {labels.dtype} of shape {labels.shape}; give one whole number an image"
        )
    if len(labels) != n_images:
        raise DataError(f"{where}: {n_images} images and {len(labels)} labels")
    if not n_images:
        raise DataError(f"{where}: no samples")
    if labels.min() < 0:
        first = int(np.argmax(labels < 0))
        raise DataError(f"{where}: {labels[first]} at index {first}; classes count from 0")
    return labels.astype(np.int64)


def _read_npz(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is no .npz archive, or is cut off")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in NAMES if name in archive}
    except ValueError as error:
        raise DataError(
            f"{path}: {error}. Arrays of Python objects are refused, since reading them can run "
            "code; save arrays of numbers"
        ) from error
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _read_safetensors(path: Path) -> Arrays:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            present = [name for name in NAMES if name in file.keys()]  # noqa: SIM118 (no mapping)
            for name in present:
                if (kind := file.get_slice(name).get_dtype()) == "BF16":  # NumPy has no such type
                    raise DataError(f"{path}: {name} are {kind}; give uint8 on the 0-255 scale")
            return {name: file.get_tensor(name) for name in present}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is damaged, or no safetensors file: {error}") from error


def _read_parquet(path: Path) -> Arrays:
    import pyarrow as pa  # heavy, and only needed here
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            for name in ("image", "label"):
                if name not in names:
                    raise DataError(
                        f"{path}: column {name} is missing; it holds {', '.join(names)}"
                    )
            table = file.read(columns=["image", "label"], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is damaged, or no Parquet file: {error}") from error
    if not table.num_rows:
        raise DataError(f"{path}: no samples")
    for name in ("image", "label"):
        if table[name].null_count:
            row = table[name].is_null().to_pylist().index(True)
            raise DataError(f"{path}: {name} of row {row} is empty")
    column = table["image"]
    images = _nested(column, path) if _is_list(column.type) else _encoded(column, path)
    return {"images": images, "labels": table["label"].to_numpy()}


def _is_list(kind: Any) -> bool:
    from pyarrow.types import is_fixed_size_list, is_large_list, is_list

    return is_list(kind) or is_large_list(kind) or is_fixed_size_list(kind)


def _nested(column: Any, path: Path) -> np.ndarray:
    """Stack a column of nested lists of equal lengths without passing through Python objects."""
    import pyarrow.compute as pc

    level, shape = column.combine_chunks(), [len(column)]
    while _is_list(level.type) and len(level):
        lengths = pc.list_value_length(level).to_numpy(zero_copy_only=False)
        uneven = np.flatnonzero(lengths != lengths[0])  # a missing list is NaN, which equals none
        if len(uneven):
            row = uneven[0] // (len(lengths) // len(column))
            raise DataError(f"{path}: the image of row {row} has another size than that of row 0")
        shape.append(int(lengths[0]))
        level = level.flatten()
    if level.null_count:
        raise DataError(f"{path}: a pixel is missing in column image")
    return _as_uint8(level.to_numpy(zero_copy_only=False).reshape(shape), path)


def _as_uint8(images: np.ndarray, path: Path) -> np.ndarray:
    """Whole numbers from 0 to 255, which most writers of lists store as int64, as uint8."""
    if images.dtype == np.uint8 or images.dtype.kind not in "iu":
        return images  # other types are refused with those of the other formats
    outside = np.argwhere((images < 0) | (images > 255))
    if len(outside):
        value = images[tuple(outside[0])]
        raise DataError(f"{path}: row {outside[0][0]} has a pixel of {value}; give 0 to 255")
    return images.astype(np.uint8)


def _encoded(column: Any, path: Path) -> np.ndarray:
    images: list[np.ndarray] = []
    for chunk in column.iterchunks():
        for value in chunk:
            found = value.as_py()
            content = found.get("bytes") if isinstance(found, dict) else found
            if not isinstance(content, bytes):
                raise DataError(
                    f"{path}: column image is {column.type}; give nested lists of whole numbers, "
                    f"bytes, or a struct with bytes (row {len(images)})"
                )
            image = _decode(content, f"{path}: the image of row {len(images)}")
            if images and image.shape != images[0].shape:
                raise DataError(
                    f"{path}: the image of row {len(images)} is {image.shape}, "
                    f"that of row 0 is {images[0].shape} (channels, height, width)"
                )
            images.append(image)
    return np.stack(images)


def _decode(content: bytes, where: str) -> np.ndarray:
    """A PNG, JPEG or the like as (channels, height, width) of uint8; a palette becomes colours."""
    from PIL import Image  # heavy, and only needed here

    try:
        with Image.open(io.BytesIO(content)) as packed:
            image = packed.convert({"1": "L", "P": "RGB"}.get(packed.mode, packed.mode))
            if image.mode not in ("L", "RGB"):
                raise DataError(f"{where} has mode {image.mode}; give grey or red, green, blue")
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{where} cannot be decoded: {error}") from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
