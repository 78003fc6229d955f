"""Locks: one stage at a time in a project folder, one process at a time on a run."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from landscape_catalog.errors import StorageError
from landscape_catalog.regular import read_regular
from landscape_catalog.store.files import explained_storage, write_file

log = logging.getLogger(__name__)

SECONDS_BETWEEN_TRIES = 0.2


@contextmanager
def project_lock(path: Path) -> Iterator[None]:
    """Hold the project's lock, waiting while another stage holds it.

    That may be a stage that still runs after its `dvc` was killed.

    Raises:
        StorageError: if the lock file cannot be written.
    """
    lock = acquire(path, "another stage is running here (process %s); waiting for it")
    try:
        yield
    finally:
        lock.release()


def acquire(path: Path, busy: str) -> FileLock:
    """Acquire the lock of a file, waiting while another process or thread holds it.

    The operating system releases the lock when its holder ends, however that happens. The holder's
    process id is written to a file next to the lock, so that a waiting process can report it.

    Args:
        path: the lock file.
        busy: logged once if the lock is held, with the holder's process id for `%s`.

    Raises:
        StorageError: if the lock file cannot be written.
    """
    # Locks of one file exclude each other within a process as well, since each opens the file.
    lock = FileLock(path)
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            log.warning(busy, _process_id(holder_file(path)))
            lock.acquire(poll_interval=SECONDS_BETWEEN_TRIES)
    with suppress(StorageError, OSError):  # it is needed only for a message
        write_file(holder_file(path), str(os.getpid()).encode(), flush=False)
    return lock


def release_and_remove(lock: FileLock) -> None:
    """Release a lock and remove its files.

    A process that waits for the removed file notices this and creates a new one (filelock compares
    the number of links).
    """
    path = Path(lock.lock_file)
    for file in (holder_file(path), path):
        with suppress(OSError):  # Windows does not remove open files: they are left behind
            file.unlink(missing_ok=True)
    lock.release()


def remove_if_free(path: Path) -> None:
    """Remove the files of a lock that nobody holds; a disk error is ignored."""
    with suppress(OSError), held_if_free(path):
        pass


@contextmanager
def held_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock within a block if nobody else holds it, and remove its files afterwards.

    Yields:
        Whether it is held here.

    Raises:
        OSError: if the lock file cannot be written.
    """
    lock = FileLock(path)
    with suppress(Timeout):
        lock.acquire(blocking=False)
    if not lock.is_locked:
        yield False
        return
    try:
        yield True
    finally:
        release_and_remove(lock)


def is_held(path: Path) -> bool:
    """Whether somebody holds a lock, or may hold it; its file is left as it is."""
    if not os.path.lexists(path):
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def holder_file(path: Path) -> Path:
    """The file next to a lock file with the process id of who holds the lock, or held it last."""
    return path.with_name(f"{path.name}.holder")


def _process_id(holder: Path) -> str:
    try:
        return read_regular(holder).decode().strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"
