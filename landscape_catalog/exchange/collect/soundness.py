"""Whether the files of a collected catalog are still what its manifest says."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from landscape_catalog.catalog.parquet import read_manifest
from landscape_catalog.errors import LandscapeError
from landscape_catalog.store.files import file_sha256


def stamp_of(folder: Path) -> str:
    """A hash over names, sizes and times of change of a folder's files.

    It is another one after any write, also after one that sets the time of modification back.
    """
    found = []
    with os.scandir(folder) as items:
        for item in items:
            if item.name.endswith((".parquet", ".json")) and item.name != "source.json":
                stat = item.stat(follow_symlinks=False)
                found.append((item.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def has_its_checksums(folder: Path) -> bool:
    """Whether there is a manifest, and every file that it names has the checksum in it."""
    try:
        hashes = read_manifest(folder).hashes
        return all(file_sha256(folder / name) == found for name, found in hashes.items())
    except (LandscapeError, OSError):
        return False
