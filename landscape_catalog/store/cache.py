"""The shared store of finished runs and measurements, so that nothing is computed twice.

DVC's run cache does not apply to stages whose outputs persist, and DVC runs queued experiments in
temporary copies of the project; all of them share this store. It lies outside the project, every
read from it is verified, and it may be deleted at any time, since `data/` holds its own copies.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landscape_catalog.errors import DamagedFileError, StorageError, UnreadableFileError
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.store.artifacts import read_measurement, read_run
from landscape_catalog.store.files import (
    copy_whole,
    prune,
    remove,
    remove_whole,
    write_file,
    write_folder,
)

log = logging.getLogger(__name__)

WORTH_LISTING = 1000  # ids; to look for fewer takes less time than to list a store of a million


@dataclass(frozen=True)
class ArtifactCache:
    """A two-level cache of one kind of artifact, e.g. runs: first the project, then the store.

    Attributes:
        local: folder of the artifacts in the project.
        shared: their folder in the store.
        suffix: file name extension that follows the id; empty for folders.
        read: reads and verifies an artifact's record.
    """

    local: Path
    shared: Path
    suffix: str
    read: Callable[[Path], Any]

    def path(self, key: str) -> Path:
        """Path in the project of the artifact with this id."""
        return self.local / f"{key}{self.suffix}"

    def shared_path(self, key: str) -> Path:
        """Path in the store of the artifact with this id."""
        return self.shared / f"{key}{self.suffix}"

    def fetch(self, key: str, is_sufficient: Callable[[Any], bool] = lambda _: True) -> Any | None:
        """The verified record of an artifact, from the project or else copied from the store.

        A damaged copy is logged and removed. An artifact that the project has but the store lacks
        is added to the store. A store that cannot be read is logged once and counts as empty.
        Returns None if the artifact has to be computed.

        Args:
            key: id of the artifact.
            is_sufficient: whether a record will do; one that will not is left in place but not
                returned.
        """
        record = self._read_or_remove(self.path(key))
        if record is not None and is_sufficient(record):
            if not mark_used(self.shared_path(key)):
                self.share(key)
            return record
        shared = self._read_shared(key)
        if shared is None or not is_sufficient(shared):
            return None
        remove(self.path(key))
        before = _identity(self.shared_path(key))
        try:
            copy_whole(self.shared_path(key), self.path(key))
        except OSError as error:  # of reading; those of writing are `StorageError`s
            if before is not None and _identity(self.shared_path(key)) == before:
                _warn_once(UNREADABLE, self.shared, error)
            return None
        is_same = _identity(self.shared_path(key)) == before
        return self._read_or_remove(self.path(key), level=logging.WARNING if is_same else 0)

    def has(self, key: str) -> bool:
        """Whether the artifact exists in the project or the store; it is not verified."""
        return _exists(self.path(key)) or _exists(self.shared_path(key))

    def finder(self, count: int) -> Callable[[Collection[str]], Set[str]]:
        """A function that returns those of some ids that the project or the store has, unverified.

        Args:
            count: how many ids it will be asked for in all; if they are many, both folders are
                listed once instead of looking for each.
        """
        if count < WORTH_LISTING:
            return lambda keys: {key for key in keys if self.has(key)}
        names = itertools.chain(_names(self.local), _names(self.shared))
        return {name.removesuffix(self.suffix) for name in names}.intersection

    def is_empty(self) -> bool:
        """Whether neither the project nor the store has any artifact."""
        return not _names(self.local, most=1) and not _names(self.shared, most=1)

    def peek(self, key: str) -> Any | None:
        """The verified record from the project or the store, without changing either.

        None if neither has an intact copy.
        """
        for path in (self.path(key), self.shared_path(key)):
            try:
                return self.read(path)
            except (OSError, DamagedFileError):
                continue
        return None

    def _read_or_remove(self, path: Path, level: int = logging.WARNING) -> Any | None:
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except DamagedFileError as error:
            log.log(level, "%s. It will be rebuilt.", error)
            remove(path)
            return None

    def _read_shared(self, key: str) -> Any | None:
        """The verified record of the store's copy, marked as used.

        None if there is none, or it cannot be read.
        """
        path = self.shared_path(key)
        mark_used(path)
        before = _identity(path)
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except (OSError, UnreadableFileError) as error:
            _warn_once(UNREADABLE, self.shared, error)
            return None
        except DamagedFileError as error:
            if before is None or _identity(path) != before:
                return None  # it has been removed while it was read
            log.warning("%s. It will be rebuilt.", error)
            with suppress(StorageError, OSError):
                remove_whole(path)
            return None

    def share(self, key: str, *, overwrite: bool = False) -> None:
        """Copy an artifact to the store; if the store is not writable, only warn.

        Args:
            key: id of the artifact.
            overwrite: whether to replace an existing copy in the store.
        """
        try:
            if overwrite:
                remove_whole(self.shared_path(key))
            self._copy_to_store(key)
        except (StorageError, OSError) as error:
            _warn_once(UNWRITABLE, self.shared, error)

    def receive(self, key: str, contents: dict[str, bytes]) -> None:
        """Add an artifact that was computed elsewhere to the project and the store, once verified.

        It replaces an existing one.

        Args:
            key: id of the artifact.
            contents: its files by name; of an artifact that is a file, this one.

        Raises:
            DamagedFileError: if a record or its files do not match their checksums.
        """
        folder = self.local / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"
        received = folder / self.path(key).name
        try:
            if self.suffix:
                write_file(received, contents[received.name])
            else:
                write_folder(received, contents)
            self.read(received)
            existed = self.path(key).exists()
            remove(self.path(key))
            received.rename(self.path(key))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.share(key, overwrite=existed)

    def moved(self, to: Callable[[Path], Path]) -> ArtifactCache:
        """The same cache in other folders."""
        return replace(self, local=to(self.local), shared=to(self.shared))

    def prune(self, keys: set[str]) -> int:
        """Remove all other artifacts from the project, after making sure the store has them.

        Args:
            keys: ids of the artifacts to keep.

        Returns:
            The number of artifacts removed.

        Raises:
            StorageError: if an artifact is not in the store and cannot be written to it.
        """
        for path in sorted(self.local.glob("*")):
            key = path.name.removesuffix(self.suffix)
            if key in keys or path.name.startswith(TEMPORARY_PREFIX):
                continue
            if path.name.startswith("."):  # such as `.ipynb_checkpoints`
                log.warning("%s is none of the project's results and is removed", path)
            elif self._read_shared(key) is None and self._read_or_remove(path) is not None:
                self._copy_to_store(key)
        return prune(self.local, {f"{key}{self.suffix}" for key in keys})

    def _copy_to_store(self, key: str) -> None:
        copy_whole(self.path(key), self.shared_path(key))


SECONDS_BETWEEN_MARKS = 600.0


def mark_used(path: Path) -> bool:
    """Set the time of modification of something in the store to now: that is its last use.

    This happens at most every ten minutes, and not in a store that is not writable.

    Returns:
        Whether there is anything of that name.
    """
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    if age > SECONDS_BETWEEN_MARKS:
        with suppress(OSError):
            os.utime(path)
    return True


UNREADABLE = "the shared store %s cannot be read and counts as empty: %s"
UNWRITABLE = "results could not be added to the shared store %s: %s"
_warned: set[tuple[str, Path, str]] = set()


def _warn_once(words: str, store: Path, error: Exception) -> None:
    """Log what a store cannot do and why, once for each reason."""
    cause = error.__cause__ or error
    reason = (cause.strerror if isinstance(cause, OSError) else None) or str(error)
    if (words, store, reason) not in _warned:
        _warned.add((words, store, reason))
        log.warning(words, store, error)


def _identity(path: Path) -> tuple[int, int] | None:
    """Tells an entry of the store from another that has taken its place; None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _names(folder: Path, most: int | None = None) -> list[str]:
    """Names in a folder, without dangling links; none if the operating system does not say."""
    try:
        with os.scandir(folder) as entries:
            there = (one for one in entries if not one.is_symlink() or Path(one.path).exists())
            return [entry.name for entry in itertools.islice(there, most)]
    except OSError:
        return []


def _exists(path: Path) -> bool:
    """Whether there is something; no if the operating system does not say."""
    try:
        return path.exists()
    except OSError:
        return False


def run_cache(local: Path, store: Path) -> ArtifactCache:
    """The cache of trained runs."""
    return ArtifactCache(local, store / "runs", "", read_run)


def measurement_cache(local: Path, store: Path) -> ArtifactCache:
    """The cache of measurements."""
    return ArtifactCache(local, store / "measurements", ".json", read_measurement)
