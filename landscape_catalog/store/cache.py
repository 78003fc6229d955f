"""The shared store of finished runs and measurements, so that nothing is computed twice.

DVC switches its own run cache off for a stage that keeps its outputs, and works in temporary copies
for queued experiments; this store is what they all share. It lies outside the project, is verified
on every take, and may be deleted at any time: `data/` holds its own copies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape_catalog.errors import DamagedFileError, StorageError
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.store.artifacts import read_measurement, read_run
from landscape_catalog.store.files import copy_whole, prune, remove

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArtifactCache:
    """One kind of finished thing: where the project keeps it, where the store does, how to read it.

    `suffix` is what stands behind the id in a file name: empty for folders.
    """

    local: Path
    shared: Path
    suffix: str
    read: Callable[[Path], Any]

    def path(self, key: str) -> Path:
        """Where the project keeps the thing with this id."""
        return self.local / f"{key}{self.suffix}"

    def shared_path(self, key: str) -> Path:
        """Where the store keeps the thing with this id."""
        return self.shared / f"{key}{self.suffix}"

    def fetch(self, key: str, enough: Callable[[Any], bool] = lambda _: True) -> Any | None:
        """The verified record of a finished thing, from the project or else from the store.

        A damaged copy is named in the log and removed, never read as truth. What the project has
        and the store lacks is put into the store. None if it has to be computed.

        Args:
            key: its id.
            enough: whether a record holds what is wanted; one that does not is left where it is.
        """
        record = self._read_or_remove(self.path(key))
        if record is not None and enough(record):
            if not self.shared_path(key).exists():
                self.share(key)
            return record
        shared = self._read_or_remove(self.shared_path(key))
        if shared is None or not enough(shared):
            return None
        remove(self.path(key))
        copy_whole(self.shared_path(key), self.path(key))
        return self._read_or_remove(self.path(key))

    def has(self, key: str) -> bool:
        """Whether the project or the store seems to have a thing; verified only by `fetch`."""
        return self.path(key).exists() or self.shared_path(key).exists()

    def peek(self, key: str) -> Any | None:
        """The verified record from either place, touching nothing; None if neither is sound."""
        for path in (self.path(key), self.shared_path(key)):
            try:
                return self.read(path)
            except (FileNotFoundError, DamagedFileError):
                continue
        return None

    def _read_or_remove(self, path: Path) -> Any | None:
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except DamagedFileError as error:
            log.warning("%s. It is rebuilt.", error)
            remove(path)
            return None

    def share(self, key: str, *, anew: bool = False) -> None:
        """Put a finished thing into the store; a store that cannot be written is only a warning.

        Args:
            key: its id.
            anew: whether it replaces what the store has.
        """
        try:
            if anew:
                remove(self.shared_path(key))
            self._copy_to_store(key)
        except (StorageError, OSError) as error:
            log.warning("not shared with other workspaces: %s", error)

    def prune(self, keys: set[str]) -> int:
        """Remove everything from the project that has none of these ids; the store keeps it.

        Raises:
            StorageError: if something would be lost, since the store cannot take it.
        """
        for path in sorted(self.local.glob("*")):
            key = path.name.removesuffix(self.suffix)
            if key in keys or path.name.startswith(TEMPORARY_PREFIX):
                continue
            in_store = self._read_or_remove(self.shared_path(key)) is not None
            if not in_store and self._read_or_remove(path) is not None:
                self._copy_to_store(key)
        return prune(self.local, {f"{key}{self.suffix}" for key in keys})

    def _copy_to_store(self, key: str) -> None:
        copy_whole(self.path(key), self.shared_path(key))


def run_cache(local: Path, store: Path) -> ArtifactCache:
    """Where trained runs are."""
    return ArtifactCache(local, store / "runs", "", read_run)


def measurement_cache(local: Path, store: Path) -> ArtifactCache:
    """Where measurements are."""
    return ArtifactCache(local, store / "measurements", ".json", read_measurement)
