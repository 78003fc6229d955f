"""Labelled images from a Parquet file: nested lists of pixels, or encoded images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from landscape_catalog.datasets.pool import require_channels_first
from landscape_catalog.errors import DataError


def read_parquet(path: Path) -> dict[str, np.ndarray]:
    """Read `images` and `labels` from the columns `image` and `label`.

    Raises:
        DataError: names the file and the problem.
    """
    import pyarrow as pa  # heavy, and only needed here
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            for name in ("image", "label"):
                if name not in names:
                    raise DataError(f"{path}: column {name} is missing; found: {', '.join(names)}")
                if names.count(name) > 1:
                    raise DataError(f"{path}: column {name} occurs {names.count(name)} times")
            table = file.read(columns=["image", "label"], use_threads=False)
        if not table.num_rows:
            raise DataError(f"{path}: no samples")
        return _arrays(table, path)
    except (OSError, ValueError, pa.ArrowException) as error:  # also for names that are not UTF-8
        raise DataError(f"{path} is damaged or not a Parquet file: {error}") from error


def _arrays(table: Any, path: Path) -> dict[str, np.ndarray]:
    for name in ("image", "label"):
        if table[name].null_count:
            row = table[name].is_null().to_pylist().index(True)
            raise DataError(f"{path}: {name} of row {row} is null")
    column = table["image"]
    images = _nested(column, path) if _is_list(column.type) else _encoded(column, path)
    return {"images": images, "labels": table["label"].to_numpy()}


def _is_list(kind: Any) -> bool:
    from pyarrow.types import is_fixed_size_list, is_large_list, is_list

    return is_list(kind) or is_large_list(kind) or is_fixed_size_list(kind)


def _nested(column: Any, path: Path) -> np.ndarray:
    """Stack a column of nested lists of equal lengths without creating Python objects."""
    import pyarrow.compute as pc

    level, shape = column.combine_chunks(), [len(column)]
    while _is_list(level.type) and len(level):
        lengths = pc.list_value_length(level).to_numpy(zero_copy_only=False)
        uneven = np.flatnonzero(
            lengths != lengths[0]
        )  # a null list gives NaN, which equals nothing
        if len(uneven):
            row = uneven[0] // (len(lengths) // len(column))
            raise DataError(f"{path}: the image of row {row} differs in size from that of row 0")
        shape.append(int(lengths[0]))
        level = level.flatten()
    if level.null_count:
        raise DataError(f"{path}: column image contains a null pixel")
    images = _as_uint8(level.to_numpy(zero_copy_only=False).reshape(shape), path)
    require_channels_first(images, f"{path}: images")
    return images


def _as_uint8(images: np.ndarray, path: Path) -> np.ndarray:
    """Integers from 0 to 255 as uint8; most Parquet writers store lists of them as int64."""
    if images.dtype == np.uint8 or images.dtype.kind not in "iu":
        return images  # other dtypes are rejected later, as for the other formats
    outside = np.argwhere((images < 0) | (images > 255))
    if len(outside):
        value = images[tuple(outside[0])]
        raise DataError(f"{path}: row {outside[0][0]} has a pixel of {value}; expected 0 to 255")
    return images.astype(np.uint8)


def _encoded(column: Any, path: Path) -> np.ndarray:
    images: list[np.ndarray] = []
    for chunk in column.iterchunks():
        for value in chunk:
            found = value.as_py()
            content = found.get("bytes") if isinstance(found, dict) else found
            if not isinstance(content, bytes):
                raise DataError(
                    f"{path}: column image is {column.type}; expected nested lists of integers, "
                    f"bytes, or a struct with bytes (row {len(images)})"
                )
            image = _decode(content, f"{path}: the image of row {len(images)}")
            if images and image.shape != images[0].shape:
                raise DataError(
                    f"{path}: the image of row {len(images)} is {image.shape}, "
                    f"but that of row 0 is {images[0].shape} (channels, height, width)"
                )
            images.append(image)
    return np.stack(images)


def _decode(content: bytes, where: str) -> np.ndarray:
    """Decode a PNG, JPEG etc. to (channels, height, width) of uint8; palettes become RGB."""
    from PIL import Image  # heavy, and only needed here

    try:
        with Image.open(io.BytesIO(content)) as packed:
            image = packed.convert({"1": "L", "P": "RGB"}.get(packed.mode, packed.mode))
            if image.mode not in ("L", "RGB"):
                raise DataError(f"{where} has mode {image.mode}; expected greyscale or RGB")
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where} cannot be decoded: {error}") from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
