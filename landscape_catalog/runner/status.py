"""The file in which the running stage says what it is at, for `landscape status`."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from landscape_catalog.errors import StorageError
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file
from landscape_catalog.store.notes import read_note

SECONDS_UNTIL_SILENT = 120.0
CLOCK_TOLERANCE = 2.0  # seconds by which two readings of a process's start may differ


@dataclass(frozen=True)
class JobStatus:
    """A job that is running.

    Attributes:
        name: of the job.
        worker: host and process id of its worker; empty if unknown.
        since: Unix time at which it started.
        predicted: predicted seconds of the whole job.
        done: share of it that is done; 0 if unknown.
        waits: whether it waits for another process, since then.
    """

    name: str
    worker: str
    since: float
    predicted: float
    done: float
    waits: bool = False


@dataclass(frozen=True)
class Process:
    """The process of a stage; an id alone may have been given to another process since.

    Attributes:
        host: name of its machine.
        pid: process id.
        started: Unix time at which the process started.
    """

    host: str
    pid: int
    started: float

    @classmethod
    def own(cls) -> Process:
        """This process."""
        return cls(platform.node(), os.getpid(), psutil.Process().create_time())

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine, so that its end can be seen."""
        return self.host == platform.node()

    @property
    def is_alive(self) -> bool:
        """Whether a process of this machine is running."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < CLOCK_TOLERANCE
            return same and found.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass(frozen=True, kw_only=True)
class StageStatus:
    """The state of a stage at one time.

    Attributes:
        stage: title of the stage.
        started: Unix time at which it started.
        updated: Unix time of this state.
        workers: number of workers.
        jobs: number of jobs in total.
        done: number of jobs that have ended, including the failed ones.
        failed: names of the failed jobs.
        waiting: number of jobs that have not started.
        running: the jobs that are running.
        seconds_left: estimated seconds until all jobs have ended, counted from `updated`.
        ended: whether the stage has ended by itself.
        process: the process of the stage.
    """

    stage: str
    started: float
    updated: float
    workers: int
    jobs: int
    done: int
    failed: tuple[str, ...]
    waiting: int
    running: tuple[JobStatus, ...]
    seconds_left: float
    ended: bool = False
    process: Process = field(default_factory=Process.own)

    def is_running(self, now: float) -> bool:
        """Whether the stage is still at work.

        The end of a process of another machine shows only as a long silence.
        """
        if self.ended:
            return False
        if self.process.is_here:
            return self.process.is_alive
        return now - self.updated < SECONDS_UNTIL_SILENT


def write_status(path: Path, status: StageStatus) -> None:
    """Write the file atomically; a disk error is ignored, since no result depends on it."""
    with suppress(StorageError):
        write_file(path, strict_json(asdict(status), indent=1).encode(), flush=False)


def read_status(path: Path) -> StageStatus | None:
    """The state in a file, or None if there is none or it is unreadable."""
    found: StageStatus | None = read_note(path, StageStatus)
    return found
