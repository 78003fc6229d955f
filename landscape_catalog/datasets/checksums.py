"""Checksums of one or several files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from landscape_catalog.datasets.pointers import where_else
from landscape_catalog.errors import DataError
from landscape_catalog.regular import open_regular


def file_checksum(paths: Iterable[Path]) -> str:
    """SHA-256 of a file, or a combined checksum of several files in the given order.

    Raises:
        DataError: if one is missing or cannot be read.
    """
    return joined_checksum([_sha256(path) for path in paths])


def joined_checksum(checksums: Sequence[str]) -> str:
    """A single checksum unchanged, or the SHA-256 of several, one per line.

    Hashing the concatenated bytes of several files instead would miss lines that move from the end
    of one file to the start of the next.
    """
    if len(checksums) == 1:
        return checksums[0]
    return hashlib.sha256("".join(f"{line}\n" for line in checksums).encode()).hexdigest()


def reading_problem(path: Path, error: OSError | ValueError) -> str:
    """Why a file cannot be read, in a sentence that names it."""
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist{where_else(path)}"
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror or error}"
    return f"{str(path)!r} cannot be read: {error}"  # not a file name, e.g. one with a null byte


def _sha256(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise DataError(reading_problem(path, error)) from error
