"""What workers are at: each keeps a small file that says which job it runs, since when, how far.

The files are for `landscape status` and the remaining time only. A worker that cannot reach the
folder, on another machine for instance, works without them.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from landscape_catalog.errors import StorageError
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file
from landscape_catalog.store.notes import read_note

SECONDS_BETWEEN_REPORTS = 1.0


@dataclass(frozen=True)
class Activity:
    """What a worker is at.

    Attributes:
        worker: host and process id.
        job: name of the job.
        started: Unix time at which the job started.
        first: whether it is the worker's first job.
        resumed: share of the job that checkpoints saved.
        done: share of the job that is done, including what a checkpoint saved; 0 if unknown.
        reported: Unix time of the last report.
        waits: whether it waits for another process that does the same.
    """

    worker: str
    job: str
    started: float
    first: bool
    resumed: float = 0.0
    done: float = 0.0
    reported: float = 0.0
    waits: bool = False


class _Reporter:
    """Keeps the file of the job that runs now."""

    def __init__(self, folder: Path, activity: Activity) -> None:
        self._path = folder / f"{activity.worker.replace(':', '-')}.json"
        self.activity = activity
        self.waited = 0.0

    def write(self) -> None:
        if self._path.parent.is_dir():
            with suppress(StorageError):
                write_file(self._path, strict_json(asdict(self.activity)).encode(), flush=False)


_current: ContextVar[_Reporter | None] = ContextVar("the job that runs now", default=None)


def worker_name() -> str:
    """Host and process id of this process."""
    return f"{platform.node()}:{os.getpid()}"


@contextmanager
def announced(folder: Path | None, job: str, *, first: bool) -> Iterator[None]:
    """Announce a job while it runs, in the worker that runs it."""
    if folder is None:
        yield
        return
    reporter = _Reporter(folder, Activity(worker_name(), job, time.time(), first))
    reporter.write()
    token = _current.set(reporter)
    try:
        yield
    finally:
        _current.reset(token)


def report_progress(done: float) -> None:
    """Report the share of the running job that is done, from 0 to 1; call it as often as you like.

    Outside a job, nothing happens.
    """
    reporter, now = _current.get(), time.time()
    if reporter is None or now - reporter.activity.reported < SECONDS_BETWEEN_REPORTS:
        return
    reporter.activity = replace(reporter.activity, done=done, reported=now)
    reporter.write()


def report_resumed(share: float) -> None:
    """Report a share of the running job that need not be computed, since it is in a checkpoint or
    finished; shares add up.
    """
    if (reporter := _current.get()) is not None:
        now, saved = time.time(), reporter.activity.resumed + share
        reporter.activity = replace(reporter.activity, resumed=saved, done=saved, reported=now)
        reporter.write()


@contextmanager
def waiting() -> Iterator[None]:
    """Waiting for another process: this time is no part of the running job's."""
    before, reporter = time.perf_counter(), _current.get()
    if reporter is not None:
        reporter.activity = replace(reporter.activity, started=time.time(), waits=True)
        reporter.write()
    try:
        yield
    finally:
        if reporter is not None:
            reporter.waited += time.perf_counter() - before
            reporter.activity = replace(reporter.activity, started=time.time(), waits=False)
            reporter.write()


def waited_seconds() -> float:
    """How long the running job has waited for other processes."""
    reporter = _current.get()
    return 0.0 if reporter is None else reporter.waited


def resumed_share() -> float:
    """The share of the running job that need not be computed, at most 1."""
    reporter = _current.get()
    return 0.0 if reporter is None else min(reporter.activity.resumed, 1.0)


def read_activities(folder: Path) -> dict[str, Activity]:
    """The latest activity for each job that some worker has run, by the job's name."""
    found: dict[str, Activity] = {}
    for path in folder.glob("*.json"):
        activity: Activity | None = read_note(path, Activity)
        if activity is None:
            continue
        if activity.job not in found or activity.started > found[activity.job].started:
            found[activity.job] = activity
    return found
