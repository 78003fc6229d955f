"""What lies in the shared store: entries by kind, with size and last use, and what is unknown.

Nothing is changed, and no symbolic link is followed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from landscape_catalog.errors import StorageError
from landscape_catalog.paths import RECORD_FILE, TEMPORARY_PREFIX, WEIGHTS_FILE
from landscape_catalog.schema.identity import ID_LENGTH
from landscape_catalog.store.lock import holder_file
from landscape_catalog.store.partial import LOCK_SUFFIX, SUFFIX

Kind = Literal["runs", "measurements", "checkpoints", "data records", "locks", "temporary"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RUN_FILES = frozenset({RECORD_FILE, WEIGHTS_FILE})
_ID = f"[0-9a-f]{{{ID_LENGTH}}}"
_TEMPORARY = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}[0-9a-f]{{32}}")
_RUN = re.compile(f"({_ID})")
_RECORD = re.compile(rf"({_ID})\.json")
_CHECKPOINT = re.compile(f"({_ID}){re.escape(SUFFIX)}")
_LOCK = re.compile(f"({_ID}){re.escape(LOCK_SUFFIX)}")
_HOLDER = re.compile(rf"{_LOCK.pattern}\.holder")


@dataclass(frozen=True)
class Entry:
    """Something in the store that this package has written.

    Attributes:
        kind: what it is.
        key: its id; of something temporary, its name.
        path: its file or folder.
        size: bytes of all its files.
        used: when it was last used, as Unix time.
    """

    kind: Kind
    key: str
    path: Path
    size: int
    used: float


@dataclass(frozen=True)
class Unknown:
    """Something in the store that this package has not written, or cannot look at.

    Attributes:
        path: the file or folder.
        why: what is unknown about it.
        size: bytes of its files, as far as they can be seen.
    """

    path: Path
    why: str
    size: int


@dataclass(frozen=True)
class Contents:
    """The content of a store, in the order of kinds and names."""

    entries: tuple[Entry, ...]
    unknown: tuple[Unknown, ...]

    def of(self, kind: Kind) -> list[Entry]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry.kind == kind]

    @property
    def size(self) -> int:
        """Bytes of all entries."""
        return sum(entry.size for entry in self.entries)


def read_contents(store: Path) -> Contents:
    """List a store; what other processes remove meanwhile is left out.

    Raises:
        FileNotFoundError: if there is nothing of that name.
        StorageError: if it is no folder, or cannot be read.
    """
    try:
        names = _sorted_names(store)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"the shared store {store} cannot be read: {error.strerror}") from error
    found = [item for name in names for item in _in_folder(store / name)]
    entries = [item for item in found if isinstance(item, Entry)]
    entries.sort(key=lambda entry: KINDS.index(entry.kind))
    return Contents(tuple(entries), tuple(item for item in found if isinstance(item, Unknown)))


def current(entry: Entry) -> Entry | None:
    """An entry as it is now; None if it is no longer there, or no longer what it was."""
    for found in _recognised(entry.path, _LOOKS[entry.path.parent.name]):
        if isinstance(found, Entry) and found.kind == entry.kind:
            return found
    return None


def _in_folder(folder: Path) -> Iterator[Entry | Unknown]:
    """What lies in a folder of the store; the folder itself if it is none of this package's."""
    look = _LOOKS.get(folder.name)
    try:
        if look is None or not _is_folder(folder):
            yield _unknown(folder)
            return
        names = _sorted_names(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        yield _unreadable(folder, error)
        return
    for name in names:
        yield from _recognised(folder / name, look)


def _recognised(path: Path, look: _Look) -> Iterator[Entry | Unknown]:
    """What a path is; nothing if it has been removed meanwhile."""
    try:
        if _TEMPORARY.fullmatch(path.name) and not path.is_symlink():
            yield Entry("temporary", path.name, path, *_measured(path))
        else:
            yield look(path) or _unknown(path)
    except FileNotFoundError:
        return
    except OSError as error:
        yield _unreadable(path, error)


def _run(path: Path) -> Entry | None:
    """A run: a folder with a record and weights and nothing else."""
    if not _RUN.fullmatch(path.name) or not _is_folder(path):
        return None
    with os.scandir(path) as items:
        files = [(item.name, item.stat(follow_symlinks=False)) for item in items]
    if not all(name in RUN_FILES and stat.S_ISREG(found.st_mode) for name, found in files):
        return None
    size = sum(found.st_size for _, found in files)
    return Entry("runs", path.name, path, size, path.lstat().st_mtime)


def _measurement(path: Path) -> Entry | None:
    return _file(path, "measurements", _RECORD)


def _data(path: Path) -> Entry | None:
    return _file(path, "data records", _RECORD)


def _partial(path: Path) -> Entry | None:
    """A checkpoint, or a lock: a file, the holder beside it, or both."""
    checkpoint = _file(path, "checkpoints", _CHECKPOINT)
    if checkpoint is not None:
        return checkpoint
    if _HOLDER.fullmatch(path.name):
        lock = path.with_name(path.name.removesuffix(".holder"))
        if os.path.lexists(lock):  # which is listed itself
            raise FileNotFoundError(path)
        return _file(path, "locks", _HOLDER)
    lock_file = _file(path, "locks", _LOCK)
    if lock_file is None:
        return None
    try:
        holder = _file(holder_file(path), "locks", _HOLDER)
    except FileNotFoundError:
        return lock_file
    if holder is None:
        return lock_file
    used = max(lock_file.used, holder.used)
    return Entry("locks", lock_file.key, path, lock_file.size + holder.size, used)


def _file(path: Path, kind: Kind, name: re.Pattern[str]) -> Entry | None:
    """An entry that is a regular file; None if it has another name or is none."""
    named = name.fullmatch(path.name)
    found = path.lstat()
    if named is None or not stat.S_ISREG(found.st_mode):
        return None
    return Entry(kind, named[1], path, found.st_size, found.st_mtime)


def _unknown(path: Path) -> Unknown:
    if path.is_symlink():
        why = "a symbolic link"
    elif _RUN.fullmatch(path.name) and _is_folder(path):
        why = "a run with files that are not its own"
    else:
        why = "not written by this package"
    return Unknown(path, why, _measured(path)[0])


def _unreadable(path: Path, error: OSError) -> Unknown:
    return Unknown(path, f"cannot be read: {error.strerror}", 0)


def _measured(path: Path) -> tuple[int, float]:
    """Bytes and newest time of modification of a file, or of a folder with all that is in it."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return found.st_size, found.st_mtime
    size, newest = 0, found.st_mtime
    for folder, _, names in os.walk(path):  # which neither follows links within nor raises errors
        for name in names:
            try:
                inner = Path(folder, name).lstat()
            except OSError:
                continue
            size, newest = size + inner.st_size, max(newest, inner.st_mtime)
    return size, newest


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    return stat.S_ISDIR(path.lstat().st_mode)


def _sorted_names(folder: Path) -> list[str]:
    with os.scandir(folder) as items:
        return sorted(item.name for item in items)


_Look = Callable[[Path], Entry | None]
# The folders of a store, and what recognises an entry of each.
_LOOKS: dict[str, _Look] = {
    "runs": _run,
    "measurements": _measurement,
    "data": _data,
    "partial": _partial,
}
