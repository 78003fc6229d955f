"""Unpacking the archives of the tests, in every version of Python that the package admits."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any


def unpack_archive(archive: Path, folder: Path) -> None:
    """Extract an archive, with the filter `data` where there are filters.

    Python before 3.11.4 has none, and Python 3.14 has no other default.
    """
    safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as tar:
        tar.extractall(folder, **safely)
