"""Labelled images from a Parquet file: nested lists of pixels, or encoded images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from landscape_catalog.datasets.array_files import ArrayFile, Header
from landscape_catalog.datasets.encoded_images import decode
from landscape_catalog.datasets.room import require_memory
from landscape_catalog.errors import DataError

BYTES = 8  # of an integer, as which most writers store pixels
ROWS_AT_A_TIME = 32  # of encoded images


@contextmanager
def open_parquet(path: Path) -> Iterator[ArrayFile]:
    """`images` and `labels` from the columns `image` and `label`.

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
            if not file.metadata.num_rows:
                raise DataError(f"{path}: no samples")
            labels = _labels(file, path)
            kind = file.schema_arrow.field("image").type
            if _is_list(kind):
                images, turned = _nested(_column(file, "image", path), path), False
            else:
                images, turned = _encoded(file, kind, path)
    except (OSError, ValueError, pa.ArrowException) as error:  # also for names that are not UTF-8
        raise DataError(f"{path} is damaged or not a Parquet file: {error}") from error
    arrays = {"images": images, "labels": labels}
    headers = {name: Header(a.dtype.name, a.shape, a.nbytes) for name, a in arrays.items()}
    yield ArrayFile(
        path, tuple(arrays), headers.__getitem__, arrays.__getitem__, not _is_list(kind), turned
    )


def _column(file: Any, name: str, path: Path) -> Any:
    """A column, unless it is too large for the memory or a value is missing."""
    leaves = [
        group.column(index)
        for group in map(file.metadata.row_group, range(file.metadata.num_row_groups))
        for index in range(group.num_columns)
        if group.column(index).path_in_schema.split(".")[0] == name
    ]
    unpacked = sum(max(BYTES * leaf.num_values, leaf.total_uncompressed_size) for leaf in leaves)
    require_memory(unpacked, f"{path}: column {name}")
    column = file.read(columns=[name], use_threads=False)[name]
    if column.null_count:
        _raise_null(name, column.is_null().to_pylist().index(True), path)
    return column


def _raise_null(name: str, row: int, path: Path) -> NoReturn:
    raise DataError(f"{path}: {name} of row {row} is null")


def _labels(file: Any, path: Path) -> np.ndarray:
    from pyarrow.types import is_integer

    kind = file.schema_arrow.field("label").type
    if not is_integer(kind):
        raise DataError(f"{path}: column label is {kind}; expected one integer per image")
    return _column(file, "label", path).to_numpy()


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
    return _as_uint8(level.to_numpy(zero_copy_only=False).reshape(shape), path)


def _as_uint8(images: np.ndarray, path: Path) -> np.ndarray:
    """Integers from 0 to 255 as uint8; most Parquet writers store lists of them as int64."""
    if images.dtype == np.uint8 or images.dtype.kind not in "iu":
        return images  # other dtypes are rejected later, as for the other formats
    outside = np.argwhere((images < 0) | (images > 255))
    if len(outside):
        value = images[tuple(outside[0])]
        raise DataError(f"{path}: row {outside[0][0]} has a pixel of {value}; expected 0 to 255")
    return images.astype(np.uint8)


def _encoded(file: Any, kind: Any, path: Path) -> tuple[np.ndarray, bool]:
    """Decode a column of encoded images, some rows at a time; also says whether one was turned."""
    from pyarrow.types import is_binary, is_large_binary, is_struct

    names = [field.name for field in kind] if is_struct(kind) else []
    content = kind.field("bytes").type if "bytes" in names else kind
    if not (is_binary(content) or is_large_binary(content)):
        raise DataError(
            f"{path}: column image is {kind}; expected nested lists of integers, bytes, or a "
            "struct with bytes"
        )
    images: np.ndarray | None = None
    turned, row = False, 0
    for batch in file.iter_batches(batch_size=ROWS_AT_A_TIME, columns=["image"], use_threads=False):
        for value in batch.column(0):
            where = f"{path}: the image of row {row}"
            shape = None if images is None else images.shape[1:]
            image, is_turned = decode(_bytes_of(value.as_py(), row, path), where, shape)
            if images is None:
                whole = (file.metadata.num_rows, *image.shape)
                require_memory(math.prod(whole), f"{path}: {whole[0]} images like that of row 0")
                images = np.empty(whole, np.uint8)
            images[row] = image
            turned, row = turned or is_turned, row + 1
    if images is None or row != len(images):
        raise DataError(f"{path} is damaged: it has {row} of {file.metadata.num_rows} rows")
    return images, turned


def _bytes_of(value: Any, row: int, path: Path) -> bytes:
    """The encoded image in a value of the column `image`."""
    if value is None:
        _raise_null("image", row, path)
    if not isinstance(value, dict):
        return bytes(value)
    if value["bytes"] is None:
        named = f", only the path {value['path']!r}" if value.get("path") else ""
        raise DataError(
            f"{path}: the image of row {row} has no bytes{named}; the file must contain the images "
            "themselves"
        )
    return bytes(value["bytes"])
