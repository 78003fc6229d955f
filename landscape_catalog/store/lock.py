"""One stage at a time in a project folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape_catalog.store.files import explained_storage

log = logging.getLogger(__name__)


@contextmanager
def project_lock(path: Path) -> Iterator[None]:
    """Hold the project's lock, waiting for whoever has it (a stage whose `dvc` was killed, say).

    The system drops the lock with the process that holds it, however that ends. Where the system
    has no `fcntl` (Windows) there is no lock; whole-file writes keep the files sound.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+")
    with stream:
        waiting = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    stream.seek(0)
                    holder = stream.read().strip() or "unknown"
                    log.warning(
                        "another stage is at work here (process %s); waiting for it", holder
                    )
                    waiting = True
                time.sleep(0.2)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield
