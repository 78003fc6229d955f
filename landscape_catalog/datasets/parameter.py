"""The parameter that names a file, said before what is wrong with the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from landscape_catalog.errors import DataError


@contextmanager
def parameter(path: str) -> Iterator[None]:
    """Put a parameter's path before the message of a `DataError`.

    >>> with parameter("dataset.path"):
    ...     raise DataError("mine.npz does not exist")
    Traceback (most recent call last):
    landscape_catalog.errors.DataError: dataset.path: mine.npz does not exist
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
