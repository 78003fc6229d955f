"""Atomic writes of files and folders, with clear errors when the disk refuses them."""

from __future__ import annotations

import errno
import hashlib
import itertools
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from landscape_catalog.errors import DamagedFileError, StorageError, UnreadableFileError
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.regular import (
    IrregularFileError,
    open_regular,
    read_regular,
    require_regular,
)

log = logging.getLogger(__name__)

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write to the folder",
    errno.ENOTDIR: "there is a file where a folder is needed",
    errno.EEXIST: "there is a file where a folder is needed",
    errno.EISDIR: "there is a folder where a file is needed",
    errno.ELOOP: "there is a symbolic link where a file is needed",
    errno.EPERM: "no permission to write to the folder",
}

_REASONS_OF_PLACES = {
    errno.ENOENT: "no files can be made there",
    errno.ENAMETOOLONG: "the name is too long",
}


def storage_reason(error: OSError) -> str | None:
    """Why a file cannot be written, in words; None for other errors."""
    return _REASONS.get(error.errno or 0)


@contextmanager
def explained_storage(path: Path, *, every: bool = False) -> Iterator[None]:
    """Turn 'no space', 'read-only' and 'no permission' errors into a `StorageError` for `path`.

    Args:
        path: what is written.
        every: whether to do so with every error of the operating system, such as for a place that
            somebody typed.
    """
    try:
        yield
    except OSError as error:
        reason = storage_reason(error)
        if every and reason is None:
            reason = _REASONS_OF_PLACES.get(error.errno or 0, error.strerror or str(error))
        if reason is None:
            raise
        raise StorageError(f"cannot write {path}: {reason}. Finished results are kept.") from error


# Errors of the file itself; others, such as too many open files, say nothing about it.
_UNREADABLE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG)
)


@contextmanager
def explained_damage(path: Path) -> Iterator[None]:
    """Turn errors of reading a file into a `DamagedFileError`, except that it does not exist.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFileError: if the operating system does not let it be read.
        DamagedFileError: if it is no regular file.
    """
    try:
        yield
    except IrregularFileError as error:
        raise DamagedFileError(f"{path} is damaged: {error.strerror}") from error
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file's content, in hexadecimal."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names and source code; line ends, which Git may rewrite, count as LF."""
    digest = hashlib.sha256()
    for name, path in sorted(files):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def write_file(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write a file atomically: under a temporary name, flushed to disk, then renamed.

    What is no regular file in its place is moved aside.

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
            make_way(path)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if flush:
            _sync_folder(path.parent)


@contextmanager
def written_file(path: Path) -> Iterator[Path]:
    """Write a file atomically like `write_file`, to the path that the block is given.

    Raises:
        StorageError: if the disk is full or there is no permission.
    """
    with explained_storage(path):
        temporary = _temporary(path)
        try:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            make_way(path)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_folder(path: Path, contents: dict[str, bytes], *, at_once: int = 1) -> None:
    """Write a folder of files atomically; an existing non-empty folder is left unchanged.

    Args:
        path: the folder.
        contents: content of each file, by name.
        at_once: files that are written and flushed to disk at the same time. Several take little
            longer than one.

    Raises:
        StorageError: if the disk is full or there is no permission.
    """
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)
        try:
            temporary.mkdir()
            paths = [temporary / name for name in contents]
            with ThreadPoolExecutor(at_once) as pool:
                write = map if at_once == 1 else pool.map
                list(write(_write_through, paths, contents.values()))
            _sync_folder(temporary)
            _rename_unless_there(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync_folder(path.parent)


def replace_folder(path: Path, contents: dict[str, bytes], *, at_once: int = 1) -> None:
    """Write a folder of files whole; what it replaces is removed afterwards.

    A process that is killed in between may leave no folder, but never a mixture.

    Args:
        path: the folder.
        contents: content of each file, by name.
        at_once: see `write_folder`.

    Raises:
        StorageError: if the disk is full or there is no permission.
    """
    if not os.path.lexists(path):
        write_folder(path, contents, at_once=at_once)
        return
    new, old = _temporary(path), _temporary(path)
    write_folder(new, contents, at_once=at_once)
    with explained_storage(path):
        path.rename(old)
        new.rename(path)
        remove(old)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file, or the files of a folder, atomically.

    They are no hard links, so that damage does not spread. Folders within are left out.
    """
    if source.is_dir():
        write_folder(target, folder_contents(source))
    else:
        write_file(target, read_regular(source))


def folder_contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name, without folders such as `.ipynb_checkpoints`.

    Raises:
        FileNotFoundError: if the folder is removed meanwhile.
    """
    with os.scandir(folder) as items:
        names = sorted(item.name for item in items if item.is_file())
    return {name: (folder / name).read_bytes() for name in names}


def ensure_folder(path: Path) -> None:
    """Make one of the project's own folders; what is in its place is moved aside.

    Raises:
        StorageError: if there is no permission.
    """
    with explained_storage(path):
        if os.path.lexists(path) and not path.is_dir():
            _move_aside(path, "no folder, which is needed here")
        path.mkdir(parents=True, exist_ok=True)


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


def remove_whole(path: Path) -> bool:
    """Remove a file or folder so that readers find all of it or nothing: it is renamed away first.

    Returns:
        Whether there was anything to remove.

    Raises:
        StorageError: if there is no permission.
    """
    with explained_storage(path):
        aside = _temporary(path)
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False
        with suppress(FileNotFoundError):  # other processes remove temporary files, too
            remove(aside)
    return True


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


def make_way(path: Path) -> None:
    """Move aside what is in the place of a file but is none, such as a folder or a named pipe."""
    try:
        require_regular(path)
    except IrregularFileError as error:
        _move_aside(path, (error.strerror or "").removeprefix("it is "))
    except OSError:  # there is nothing, or nothing that can be looked at
        return


def _move_aside(path: Path, what: str) -> None:
    """Rename what is in the place of something else, so that it is neither lost nor in the way."""
    aside = free_backup_name(path)
    path.rename(aside)
    log.warning("%s was %s; it is now %s", path, what, aside.name)


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
