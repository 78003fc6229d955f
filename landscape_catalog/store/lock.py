"""The lock that lets only one stage at a time run in a project folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from landscape_catalog.store.files import explained_storage

log = logging.getLogger(__name__)

SECONDS_BETWEEN_TRIES = 0.2


@contextmanager
def project_lock(path: Path) -> Iterator[None]:
    """Hold the project's lock, waiting while another stage holds it.

    That may be a stage that still runs after its `dvc` was killed. The operating system releases
    the lock when its holder ends, however that happens. The holder's process id is written to a
    file next to the lock, so that a waiting process can report it.
    """
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path)
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            log.warning(
                "another stage is running here (process %s); waiting for it", _process_id(holder)
            )
            lock.acquire(poll_interval=SECONDS_BETWEEN_TRIES)
    try:
        with suppress(OSError):  # it is needed only for a message
            holder.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _process_id(holder: Path) -> str:
    try:
        return holder.read_text().strip() or "unknown"
    except OSError:
        return "unknown"
