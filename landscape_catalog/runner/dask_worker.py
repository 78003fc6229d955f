"""What runs in a Dask worker: jobs, and the sending and fetching of their files.

A stage opens a session on each worker that it admits. All functions but `run_job` are called in the
worker's event loop, beside the job that runs in its only thread.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import shutil
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape_catalog.errors import (
    ContentMismatchError,
    DamagedFileError,
    DeviceFailedError,
    Interrupted,
)
from landscape_catalog.runner.dask_facts import Facts, facts_of_worker
from landscape_catalog.runner.dask_session import Contents, Order, Outcome, Session, Stamp, files_of
from landscape_catalog.runner.device_failures import named_device_failures
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.runner.portable import (
    require_content,
    stamp,
)
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.store.files import (
    explained_storage,
    file_sha256,
    remove,
)

RESTARTED = "it has been restarted"
ENDED = (
    "the worker process could not use the GPU any more and was ended; a nanny of Dask starts "
    "another one"
)
SECONDS_UNTIL_END = 0.2  # in which the stage gets its answer
MOST_SESSIONS = 4  # a stage that was killed could not close its own


class _Running:
    """The job that runs in this process, which `stop` may interrupt."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.job: str | None = None
        self.thread = 0

    def begin(self, job: str) -> None:
        with self.lock:
            self.job, self.thread = job, threading.get_ident()

    def end(self) -> None:
        """No interruption is raised in this thread after this."""
        with self.lock:
            self.job = None
            _raise_in(self.thread, None)

    def stop(self, job: str) -> None:
        with self.lock:
            if self.job == job:
                _raise_in(self.thread, Interrupted)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise an error in another thread as soon as it runs Python code; None withdraws it."""
    chosen = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), chosen)


# State of this process, which has one worker with one thread.
_sessions: dict[str, Session] = {}
_running = _Running()


def open_session(session: str, device: str, *, dask_worker: Any) -> Facts:
    """Begin a session; returns the facts by which the worker is admitted."""
    keep_freed_memory()
    while len(_sessions) >= MOST_SESSIONS:
        close_session(next(iter(_sessions)))
    folder = Path(dask_worker.local_directory) / f"landscape-{session}"
    _sessions.setdefault(session, Session(folder))
    return facts_of_worker(dask_worker.state.nthreads, device)


class SessionLostError(Exception):
    """This process knows nothing of a session: the worker has been restarted."""


def _session(name: str) -> Session:
    if name not in _sessions:
        raise SessionLostError
    return _sessions[name]


def close_session(session: str) -> None:
    """Forget a session and remove its files."""
    closed = _sessions.pop(session, None)
    if closed is not None:
        shutil.rmtree(closed.folder, ignore_errors=True)


def sees(paths: list[Path]) -> bool:
    """Whether all these files exist here."""
    return all(path.is_file() for path in paths)


def receive(session: str, path: Path, start: int, piece: bytes, sha256: str | None) -> None:
    """Write a piece of a file's copy; with the last one comes the SHA-256 of the whole.

    Raises:
        DamagedFileError: if the copy differs from what was sent.
    """
    place = _session(session).place(path)
    growing = place.with_name(f"{place.name}.part")
    with explained_storage(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with growing.open("wb" if start == 0 else "ab") as stream:
            stream.write(piece)
        if sha256 is None:
            return
        if file_sha256(growing) != sha256:
            raise DamagedFileError(f"the copy of {path} differs from what was sent")
        growing.replace(place)


def discard(session: str, paths: list[Path]) -> None:
    """Remove copies that are no longer needed."""
    for path in paths:
        remove(_session(session).place(path))


def run_job(session: str, job: str, content: bytes) -> Outcome:
    """Run a job under the settings of every worker; what it raises is part of the outcome."""
    found = _sessions.get(session)
    if found is None:
        return Outcome(unusable=RESTARTED)
    _running.begin(job)
    try:
        with named_device_failures(ENDED), reproducible():
            order = pickle.loads(content)
            payload = found.enter(order)
            _verify(found, order)
            outcome = Outcome(order.function(payload, found.cache))
    except _UnusableError as error:
        outcome = Outcome(unusable=str(error))
    except (Exception, SystemExit, Interrupted) as error:  # a user's code may raise anything
        outcome = _failed(error)
    finally:
        _running.end()
    return replace(outcome, artifacts=found.leave())


class _UnusableError(Exception):
    """This worker cannot do the job."""


def _verify(session: Session, order: Order) -> None:
    """Require that copies are there, and once in a session that shared files are the same here."""
    for item in order.inputs:
        if order.moved:
            if not session.place(item.path).is_file():
                raise _UnusableError(RESTARTED)
        elif item not in session.verified:
            try:
                require_content(item.path, file_sha256(item.path), item.sha256)
            except (OSError, ContentMismatchError) as error:
                raise _UnusableError(f"it sees other data: {error}") from None
            session.verified.add(item)


def _failed(error: BaseException) -> Outcome:
    words = f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))
    try:
        content = pickle.dumps(error)
    except Exception:  # an error of a user's own class may refuse
        content = pickle.dumps(RuntimeError(words))
    return Outcome(
        error=content, words=(words, trace), device_failed=isinstance(error, DeviceFailedError)
    )


def collect(
    session: str, job: str, known: dict[str, Stamp]
) -> dict[str, tuple[Stamp, bytes | None, Contents | None]]:
    """What a running job has written since it was last asked.

    Args:
        session: the session.
        job: the job.
        known: the stamps of what is known, by the id of the artifact.

    Returns:
        Stamp and content of a new checkpoint, or the content of a finished artifact, by its id.
    """
    found = _sessions.get(session)
    payload = None if found is None or _running.job != job else found.payload
    if found is None or payload is None:
        return {}
    new: dict[str, tuple[Stamp, bytes | None, Contents | None]] = {}
    for output in payload.outputs():
        if found.is_new(output.path):
            content: tuple[bytes | None, Contents | None] = None, files_of(output.path)
            written = stamp(output.path)
        elif output.checkpoint is not None and found.is_new(output.checkpoint):
            written = stamp(output.checkpoint)
            content = output.checkpoint.read_bytes(), None
        else:
            continue
        if written != known.get(output.key):
            new[output.key] = written, *content
    return new


def end_process() -> None:
    """End this process once the stage has the answer; a nanny, if there is one, replaces it."""
    timer = threading.Timer(SECONDS_UNTIL_END, os._exit, [1])
    timer.daemon = True
    timer.start()


def stop(job: str) -> None:
    """Interrupt a job if it is running."""
    _running.stop(job)
