"""A user's own files: the parameters that name them, their checksum, and error messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape_catalog.datasets.checksums import (
    file_checksum,
    joined_checksum,
    reading_problem,
)
from landscape_catalog.datasets.pointers import refuse_pointer
from landscape_catalog.datasets.spec import DatasetSettings
from landscape_catalog.errors import DataError, Problem, SpecError
from landscape_catalog.regular import require_regular


@contextmanager
def parameter(path: str) -> Iterator[None]:
    """Prefix the message of a `DataError` with the path of a parameter.

    >>> with parameter("dataset.path"):
    ...     raise DataError("mine.npz does not exist")
    Traceback (most recent call last):
    landscape_catalog.errors.DataError: dataset.path: mine.npz does not exist
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def given_paths(settings: DatasetSettings, project: Path) -> tuple[Path, Path | None]:
    """The paths of the training data and, if given, of the test data.

    Raises:
        SpecError: if `dataset.path` is not set.
    """
    if settings.path is None:
        allowed = f"a path: {settings.name} reads your own files"
        raise SpecError([Problem("dataset.path", "null", allowed)])
    test = None if settings.test_path is None else project / settings.test_path
    return project / settings.path, test


def checksum_of_given(
    path: Path, test_path: Path | None, files: Callable[[Path], list[Path]]
) -> str:
    """The checksum of the files of both paths, in order.

    Raises:
        DataError: if a file cannot be read; names the parameter.
    """
    found: list[str] = []
    for name, given in (("dataset.path", path), ("dataset.test_path", test_path)):
        if given is not None:
            with parameter(name):
                for file in files(given):
                    require_data(file)
                    found.append(file_checksum([file]))
    return joined_checksum(found)


def require_data(path: Path) -> None:
    """Reject what cannot hold data: no regular file, or a file that only points to them.

    Raises:
        DataError: says what it is.
    """
    try:
        require_regular(path)
        refuse_pointer(path)
    except (OSError, ValueError) as error:
        raise DataError(reading_problem(path, error)) from error
