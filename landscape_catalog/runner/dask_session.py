"""Jobs as they are sent to a Dask worker, and what those of one stage share there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.runner.portable import Input, Portable, stamp
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.files import folder_contents, remove

Stamp = tuple[int, int, int] | None
Contents = dict[str, bytes]
"""Files by name; of an artifact that is a file, this one."""


@dataclass(frozen=True)
class Order:
    """A job as it is sent to a worker.

    Attributes:
        function: called with the payload and the session's cache.
        payload: the payload.
        moved: whether the worker's copies of the files are used.
        inputs: what the worker must find before the job starts.
    """

    function: Any
    payload: Any
    moved: bool
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        value: what it returned.
        error: what it raised, pickled, since the stage may not know its class; None: nothing.
        words: the error in words, with its traceback.
        unusable: why the worker could not start the job; None: it could.
        device_failed: whether the worker's process can no longer use its GPU.
        artifacts: what it made, by id, if the worker used copies of its own.
    """

    value: Any = None
    error: bytes | None = None
    words: tuple[str, str] = ("", "")
    unusable: str | None = None
    device_failed: bool = False
    artifacts: dict[str, Contents] = field(default_factory=dict)


class Session:
    """What the jobs of one stage share on this worker."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, WorkerCache()
        self.verified: set[Input] = set()
        # Of the running job, if it uses copies: its payload, and what was there before it started.
        self.payload: Portable | None = None
        self.former: dict[Path, Stamp] = {}

    def place(self, path: Path) -> Path:
        """Where the copy of a file of the project or the store lies here."""
        return self.folder / path.relative_to(path.anchor)

    def enter(self, order: Order) -> Any:
        """Begin a job; returns its payload with the files that it uses here."""
        if not order.moved:
            return order.payload
        payload: Portable = order.payload.moved(self.place)
        places = [path for output in payload.outputs() for path in output.places()]
        self.former = {path: stamp(path) for path in places}
        self.payload = payload
        return payload

    def leave(self) -> dict[str, Contents]:
        """End a job; returns the artifacts that it has made, which are removed here."""
        payload, self.payload, found = self.payload, None, {}
        for output in payload.outputs() if payload is not None else ():
            if self.is_new(output.path):
                found[output.key] = files_of(output.path)
            for path in output.places():
                remove(path)
        return found

    def is_new(self, path: Path) -> bool:
        """Whether the running job has written a file or folder."""
        return stamp(path) not in (None, self.former.get(path))


def files_of(path: Path) -> Contents:
    """The files of an artifact, by name."""
    return folder_contents(path) if path.is_dir() else {path.name: path.read_bytes()}
