"""Atomic writes of files and folders, with clear errors when the disk refuses them."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from landscape_catalog.errors import StorageError
from landscape_catalog.paths import TEMPORARY_PREFIX

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write to the folder",
    errno.ENOTDIR: "there is a file where a folder is needed",
    errno.EEXIST: "there is a file where a folder is needed",
    errno.EPERM: "no permission to write to the folder",
}


def storage_reason(error: OSError) -> str | None:
    """Why a file cannot be written, in words; None for other errors."""
    return _REASONS.get(error.errno or 0)


@contextmanager
def explained_storage(path: Path) -> Iterator[None]:
    """Turn 'no space', 'read-only' and 'no permission' errors into a `StorageError` for `path`."""
    try:
        yield
    except OSError as error:
        reason = storage_reason(error)
        if reason is None:
            raise
        raise StorageError(f"cannot write {path}: {reason}. Finished results are kept.") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_file(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write a file atomically: under a temporary name, flushed to disk, then renamed.

    Args:
        path: the file.
        content: its content.
        flush: False for a file that need not survive a power cut; it costs some milliseconds less.

    Raises:
        StorageError: if the disk is full or there is no permission.
    """
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)
        try:
            _write_through(temporary, content) if flush else temporary.write_bytes(content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if flush:
            _sync_folder(path.parent)


def write_folder(path: Path, contents: dict[str, bytes]) -> None:
    """Write a folder of files atomically; an existing non-empty folder is left unchanged.

    Raises:
        StorageError: if the disk is full or there is no permission.
    """
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)
        try:
            temporary.mkdir()
            for name, content in contents.items():
                _write_through(temporary / name, content)
            _sync_folder(temporary)
            _rename_unless_there(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync_folder(path.parent)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file or a flat folder atomically; not a hard link, so that damage does not spread."""
    if source.is_dir():
        write_folder(target, {item.name: item.read_bytes() for item in sorted(source.iterdir())})
    else:
        write_file(target, source.read_bytes())


def free_backup_name(path: Path) -> Path:
    """The first free name among `<name>.bak`, `<name>.bak2`, and so on."""
    numbers = itertools.chain([""], itertools.count(2))
    names = (path.with_name(f"{path.name}.bak{number}") for number in numbers)
    return next(name for name in names if not os.path.lexists(name))


def remove(path: Path) -> None:
    """Remove a file or folder if it exists."""
    with explained_storage(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def prune(folder: Path, keep: set[str]) -> int:
    """Remove everything from a folder whose name is not in `keep`; create the folder if missing.

    Returns:
        The number of entries removed, not counting leftovers of interrupted writes.
    """
    with explained_storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    removed = 0
    for item in folder.iterdir():
        if item.name not in keep:
            remove(item)
            removed += not item.name.startswith(TEMPORARY_PREFIX)
    return removed


def remove_temporary(folder: Path, *, seconds: float = 0.0) -> int:
    """Remove what writes that were killed have left in a folder; returns how many.

    Args:
        folder: the folder, which need not exist; what is below it is left alone.
        seconds: leave what is younger, since another process may be writing it.
    """
    removed = 0
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(StorageError, OSError):  # it is only in the way
            if time.time() - path.stat().st_mtime >= seconds:
                remove(path)
                removed += 1
    return removed


def _temporary(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _rename_unless_there(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _sync_folder(path: Path) -> None:
    """Flush a rename to disk, on systems where a folder can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
