"""Read `.npy` and `.npz` files of others: arrays of plain numbers, within limits of size."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy

from landscape_catalog.errors import PublishedError, shown

LARGEST = 64 * 2**20  # bytes of all arrays of a file
MOST_ARRAYS = 1000
LARGEST_HEADER = 10_000
NUMBERS = "biuf"  # kinds of types: truth values, integers and floats
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class _RefusedError(Exception):
    """What a file holds that is not read."""


def plain_dtype(code: Any) -> np.dtype[Any] | str:
    """The numpy type of a code, or why it is not read.

    >>> plain_dtype("<f4"), plain_dtype("O")
    (dtype('float32'), 'it has an array of Python objects; only arrays of plain numbers are read')
    """
    try:
        dtype = np.dtype(code)
    except (TypeError, ValueError, SyntaxError, OverflowError):
        return f"it has an array of an unknown type, {shown(code)}"
    if dtype.hasobject:
        return "it has an array of Python objects; only arrays of plain numbers are read"
    if dtype.kind not in NUMBERS or dtype.names is not None or dtype.subdtype is not None:
        return f"it has an array of type {shown(str(dtype))}; only arrays of plain numbers are read"
    return dtype


def array_of(
    data: bytes | bytearray, dtype: np.dtype[Any], shape: tuple[Any, ...], order: Any
) -> np.ndarray[Any, Any] | str:
    """The array with this content, or why there is none: its shape must fit its bytes."""
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        return f"it has an array of shape {shown(shape)}"
    if order not in ("C", "F") or len(shape) > 32:
        return f"it has an array of order {shown(order)} and shape {shown(shape)}"
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        return f"an array of shape {shown(shape)} needs {expected} bytes, and it has {len(data)}"
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def read_npy(content: bytes, name: str) -> np.ndarray[Any, Any]:
    """The array of a `.npy` file.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        PublishedError: if it is no array of plain numbers, or larger than what is read.
    """
    try:
        return _array(content)
    except _RefusedError as error:
        raise PublishedError(f"{name} is not read: {error}") from None


def read_npz(content: bytes, name: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a `.npz` file by name; arguments and errors as for `read_npy`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _arrays(archive)
    except _RefusedError as error:
        raise PublishedError(f"{name} is not read: {error}") from None
    except (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
        ValueError,
    ):  # fmt: skip
        raise PublishedError(f"{name} is damaged: it is no whole .npz file") from None


def _arrays(archive: zipfile.ZipFile) -> dict[str, np.ndarray[Any, Any]]:
    members = archive.infolist()
    if len(members) > MOST_ARRAYS:
        raise _RefusedError(f"it has {len(members)} members, and at most {MOST_ARRAYS} are read")
    if len({member.filename for member in members}) < len(members):
        raise _RefusedError("it has two members of the same name")
    found, left = {}, LARGEST
    for member in members:
        if not member.filename.endswith(".npy"):
            raise _RefusedError(f"its member {shown(member.filename)} is no .npy file")
        if member.compress_type not in _METHODS:
            raise _RefusedError(
                f"its member {shown(member.filename)} is compressed in an unusual way"
            )
        with archive.open(member) as stream:
            content = stream.read(left + 1)
        left -= len(content)
        if left < 0:
            raise _RefusedError(f"its arrays have more than {LARGEST:,} bytes")
        try:
            found[member.filename.removesuffix(".npy")] = _array(content)
        except _RefusedError as error:
            raise _RefusedError(f"its member {shown(member.filename)}: {error}") from None
    return found


def _array(content: bytes) -> np.ndarray[Any, Any]:
    """The array of a `.npy` file's content."""
    if len(content) > LARGEST:
        raise _RefusedError(f"it has {len(content):,} bytes, and at most {LARGEST:,} are read")
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        read_header = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream, max_header_size=LARGEST_HEADER)
    except (ValueError, KeyError, TypeError, SyntaxError, EOFError, RecursionError):
        raise _RefusedError("it has no header of an array in a .npy file") from None
    checked = plain_dtype(dtype)
    if isinstance(checked, str):
        raise _RefusedError(checked)
    found = array_of(content[stream.tell() :], checked, shape, "F" if fortran else "C")
    if isinstance(found, str):
        raise _RefusedError(found)
    return found
