"""Named arrays of `.npz` and `.safetensors` files: types and shapes first, contents on demand."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from landscape_catalog.errors import DataError

# Types of safetensors by NumPy's name; those that NumPy lacks keep theirs.
_TYPES = {
    f"{short}{bits}": f"{name}{bits}"
    for short, name in (("U", "uint"), ("I", "int"), ("F", "float"))
    for bits in (8, 16, 32, 64)
}

# What NumPy and zipfile raise for damaged archives.
DAMAGE = (
    OSError, EOFError, KeyError, ValueError, SyntaxError, TypeError, NotImplementedError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What is known of an array before it is unpacked.

    Attributes:
        dtype: NumPy's name of its type.
        shape: its shape.
        size: bytes that it takes in memory.
    """

    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class ArrayFile:
    """A file of named arrays.

    Attributes:
        path: of the file.
        names: of everything in it.
        header: the header of an array, by its name.
        load: the content of an array, by its name.
        encoded: whether images are encoded, so that their channels cannot be mistaken.
        turned: whether an image has been turned as its EXIF data say.
    """

    path: Path
    names: tuple[str, ...]
    header: Callable[[str], Header]
    load: Callable[[str], np.ndarray]
    encoded: bool = False
    turned: bool = False


@contextmanager
def open_npz(path: Path) -> Iterator[ArrayFile]:
    """A NumPy archive; reading any part of it may raise a `DataError` that names the file."""
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not an .npz archive, or is truncated")
    try:
        with np.load(path, allow_pickle=False) as archive:

            def header(name: str) -> Header:
                return _npy_header(archive.zip, name, path)

            yield ArrayFile(path, tuple(archive.files), header, archive.__getitem__)
    except DAMAGE as error:
        raise DataError(f"{path} is damaged: {error}") from error
    except RuntimeError as error:  # raised by zipfile for an encrypted member
        raise DataError(f"{path} cannot be read: {error}") from error


def _npy_header(archive: zipfile.ZipFile, name: str, path: Path) -> Header:
    """The header of a member, whose bytes must be as many as it announces."""
    member = name if name in archive.namelist() else f"{name}.npy"  # as NumPy chooses
    with archive.open(member) as file:
        shape, dtype = _read_npy_header(file)
        start = file.tell()
    if dtype.hasobject:
        raise DataError(
            f"{path}: {name} is an array of Python objects, which are rejected, since loading them "
            "can run code; save numeric arrays"
        )
    size = dtype.itemsize * math.prod(shape)
    if start + size > archive.getinfo(member).file_size:
        raise DataError(f"{path} is damaged: {name} of shape {shape} is cut off")
    return Header(dtype.name, shape, size)


def _read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:  # 3.0 only serves names of fields that are not Latin-1
        raise ValueError(f"version {version} of the format is none of plain arrays")
    if any(side < 0 for side in shape):
        raise ValueError(f"a negative side: {shape}")
    return shape, dtype


@contextmanager
def open_safetensors(path: Path) -> Iterator[ArrayFile]:
    """A safetensors file; reading any part of it may raise a `DataError` that names the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:

            def header(name: str) -> Header:
                part = file.get_slice(name)
                kind, shape = part.get_dtype(), tuple(part.get_shape())
                return Header(_TYPES.get(kind, kind), shape, math.prod(shape))

            yield ArrayFile(path, tuple(file.keys()), header, file.get_tensor)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is damaged or not a safetensors file: {error}") from error
