"""Which files a job reads and writes, so that workers without the project's file system can do it.

An executor whose workers see other file systems sends a job's inputs to the worker, runs the job on
copies in a folder of the worker's own, and brings its results back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from landscape_catalog.errors import ContentMismatchError
from landscape_catalog.store.cache import ArtifactCache

Move = Callable[[Path], Path]
"""Maps a path of the project or the store to its place on a worker."""
LARGEST_PIECE = 2**25
"""Files are sent in pieces of at most so many bytes."""


@dataclass(frozen=True)
class Input:
    """A file that a job reads, or a folder of such files; it need not exist.

    Attributes:
        path: the file or folder.
        sha256: what the file must contain; None: whatever it contains here.
    """

    path: Path
    sha256: str | None = None


@dataclass(frozen=True)
class Output:
    """An artifact that a job makes.

    Attributes:
        cache: the cache that it is written to.
        key: its id.
        checkpoint: the file from which an interrupted job continues; it is removed when the
            artifact is finished.
    """

    cache: ArtifactCache
    key: str
    checkpoint: Path | None = None

    @property
    def path(self) -> Path:
        """The artifact's place in the project."""
        return self.cache.path(self.key)

    def places(self) -> list[Path]:
        """Everything that may hold the artifact or a part of it."""
        found = [self.path, self.cache.shared_path(self.key)]
        return found if self.checkpoint is None else [*found, self.checkpoint]


@runtime_checkable
class Portable(Protocol):
    """A payload that knows its files."""

    def inputs(self) -> Sequence[Input]:
        """What the job reads."""

    def outputs(self) -> Sequence[Output]:
        """What the job makes."""

    def moved(self, to: Move) -> Self:
        """The payload of the same job with all its files in other places."""

    def without(self, keys: Collection[str]) -> Self:
        """The payload without artifacts that are already there; a job for none does nothing."""


def written_folders(payload: Portable) -> set[Path]:
    """The folders that a job writes to."""
    found = set()
    for output in payload.outputs():
        found |= {output.cache.local, output.cache.shared}
        found |= {output.checkpoint.parent} if output.checkpoint else set()
    return found


def existing_inputs(payload: Portable) -> Iterator[Input]:
    """The files that a job reads and that exist, including its checkpoints; no bytecode."""
    listed = [*payload.inputs()]
    listed += [Input(output.checkpoint) for output in payload.outputs() if output.checkpoint]
    for item in listed:
        if item.path.is_dir():
            for path in sorted(item.path.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield Input(path)
        elif item.path.is_file():
            yield item


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever a file or folder is replaced; None if it does not exist."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def require_content(path: Path, found: str, expected: str | None) -> None:
    """Require that a file has the SHA-256 that its record says.

    Raises:
        ContentMismatchError: if it does not.
    """
    if expected is not None and found != expected:
        raise ContentMismatchError(f"{path} has other content than its record says")


def pieces(content: bytes) -> Iterator[tuple[int, bytes, str | None]]:
    """The pieces in which content is sent: offset, bytes, and with the last one its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    for start in range(0, max(len(content), 1), LARGEST_PIECE):
        end = start + LARGEST_PIECE
        yield start, content[start:end], sha256 if end >= len(content) else None
