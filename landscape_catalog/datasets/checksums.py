"""Checksums of one file, or of several in a given order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from landscape_catalog.errors import DataError


def file_checksum(paths: Iterable[Path]) -> str:
    """SHA-256 of one file, or over those of several in their order.

    Raises:
        DataError: if one is missing or cannot be read.
    """
    return joined_checksum([_sha256(path) for path in paths])


def joined_checksum(checksums: Sequence[str]) -> str:
    """The one checksum, or the SHA-256 over a line for each of several.

    Of several files it is not that of their bytes joined: lines that move from the end of one to
    the start of the next would not show.
    """
    if len(checksums) == 1:
        return checksums[0]
    return hashlib.sha256("".join(f"{line}\n" for line in checksums).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # no file name, such as one with a zero byte
        raise DataError(f"{str(path)!r} cannot be read: {error}") from error
