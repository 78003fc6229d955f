"""Runs in training: their checkpoints and their locks, in the folder `partial/` of the store.

They lie in the store so that they outlive the temporary copies in which DVC runs queued
experiments. A checkpoint exists only while its run is unfinished.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape_catalog.errors import DamagedFileError, StorageError
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.records import Values
from landscape_catalog.store.files import remove, remove_temporary, write_file
from landscape_catalog.store.lock import acquire, release_and_remove, remove_if_free
from landscape_catalog.store.records import Provenance

log = logging.getLogger(__name__)

SUFFIX, LOCK_SUFFIX = ".checkpoint", ".lock"
LAYOUT = 1
"""Raised when the values or names of a checkpoint change their meaning."""
SECONDS_UNTIL_STALE = 3600.0
_DIGITS = 64  # of a SHA-256 in hexadecimal


class CheckpointKey(Values):
    """Training continues from a checkpoint only if all of this is the same: then bits are too."""

    run_id: str
    """Id of the run."""
    data_content_hash: str
    """Content hash of the data that it is trained on."""
    snapshots: list[str]
    """The requested snapshots, sorted."""
    provenance: Provenance
    """The software and hardware."""
    layout: int = LAYOUT
    """Version of the content."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint.

    Attributes:
        values: a JSON object.
        tensors: the bytes of a safetensors file.
    """

    values: dict[str, Any]
    tensors: bytes


def partial_folder(store: Path) -> Path:
    """The folder of checkpoints and locks in a store."""
    return store / "partial"


def checkpoint_path(folder: Path, run_id: str) -> Path:
    """The file of a run's checkpoint."""
    return folder / f"{run_id}{SUFFIX}"


def save_checkpoint(folder: Path, key: CheckpointKey, checkpoint: Checkpoint) -> bool:
    """Write a checkpoint atomically, replacing the previous one of its run.

    Checkpoints are optional: if the store is not writable or full, training goes on without them.

    Returns:
        Whether it was written; if not, this has been logged once per process.
    """
    header = {"key": key.model_dump(), "values": checkpoint.values}
    content = json.dumps(header).encode() + b"\n" + checkpoint.tensors
    seal = hashlib.sha256(content).hexdigest().encode()
    try:
        write_file(checkpoint_path(folder, key.run_id), seal + b"\n" + content)
    except (StorageError, OSError) as error:
        _warn_once(folder, error)
        return False
    return True


def read_checkpoint(folder: Path, key: CheckpointKey) -> Checkpoint | None:
    """The checkpoint of a run; None if there is none to continue from.

    A damaged checkpoint, or one that was made under another key, is logged and removed.
    """
    path = checkpoint_path(folder, key.run_id)
    try:
        former, checkpoint = _read(path)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{path} cannot be read: {error}"
    else:
        expected = key.model_dump()
        differing = sorted(name for name in expected if former.get(name) != expected[name])
        if not differing:
            return checkpoint
        reason = f"{path} was made with a different {', '.join(differing)}"
    log.warning("%s. The run starts from the beginning.", reason)
    remove_checkpoint(folder, key.run_id)
    return None


def _read(path: Path) -> tuple[dict[str, Any], Checkpoint]:
    whole = read_regular(path)
    seal, content = whole[:_DIGITS], whole[_DIGITS + 1 :]
    if hashlib.sha256(content).hexdigest().encode() != seal:
        raise DamagedFileError(f"{path} is damaged: its content does not match its checksum")
    line, _, tensors = content.partition(b"\n")  # JSON has no line breaks of its own
    header = json.loads(line)
    return header["key"], Checkpoint(header["values"], tensors)


def _is_within(path: Path, snapshots: Collection[str]) -> bool:
    """Whether a checkpoint gives none but these snapshots, or nothing since it is damaged."""
    try:
        return set(_read(path)[0]["snapshots"]) <= set(snapshots)
    except (OSError, DamagedFileError):
        return True


def remove_checkpoint(folder: Path, run_id: str) -> None:
    """Remove the checkpoint of a run, if there is one; a disk error is ignored."""
    with suppress(StorageError, OSError):
        remove(checkpoint_path(folder, run_id))


def checkpoint_stamp(folder: Path, run_id: str) -> int | None:
    """A number that differs whenever a new checkpoint is written; None if there is none."""
    try:
        return checkpoint_path(folder, run_id).stat().st_mtime_ns
    except OSError:
        return None


def runs_in(folder: Path) -> set[str]:
    """Ids of the runs that have a checkpoint or a lock."""
    return {path.stem for suffix in (SUFFIX, LOCK_SUFFIX) for path in folder.glob(f"*{suffix}")}


def remove_leftovers(folder: Path, finished: Mapping[str, Collection[str]]) -> None:
    """Remove what killed processes have left of finished runs, and half-written files.

    A checkpoint that would give further snapshots of a finished run is kept.

    Args:
        folder: the folder of checkpoints.
        finished: the snapshots of finished runs by their ids.
    """
    for run_id in sorted(runs_in(folder) & set(finished)):
        if _is_within(checkpoint_path(folder, run_id), finished[run_id]):
            remove_checkpoint(folder, run_id)
        remove_if_free(folder / f"{run_id}{LOCK_SUFFIX}")
    remove_temporary(folder, seconds=SECONDS_UNTIL_STALE)


@contextmanager
def run_locks(folder: Path, run_ids: Iterable[str]) -> Iterator[None]:
    """Hold the locks of runs, so that no other process of any workspace trains them.

    Waits while another process holds one of them, and logs that. They are taken in the order of
    their ids, so that two processes cannot wait for each other, and removed afterwards. If the
    store is not writable, the runs are not locked.
    """
    held = []
    try:
        try:
            for run_id in sorted(set(run_ids)):
                busy = f"run {run_id} is being trained by another process (id %s); waiting for it"
                held.append(acquire(folder / f"{run_id}{LOCK_SUFFIX}", busy))
        except (StorageError, OSError) as error:
            _warn_once(folder, error)
        yield
    finally:
        for lock in reversed(held):
            release_and_remove(lock)


_warned: set[Path] = set()


def _warn_once(folder: Path, error: OSError | StorageError) -> None:
    if folder not in _warned:
        _warned.add(folder)
        reason = str(error).rstrip(".")
        log.warning("%s. Training continues, but an interruption would lose its progress", reason)
