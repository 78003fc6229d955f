"""Removes what is no longer needed from the shared store, while other processes may be using it.

An entry that was used within the last hour is kept, since somebody may be copying it; so is a
checkpoint whose run is being trained. Entries are renamed before they are deleted, so that readers
find all of an entry or nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from landscape_catalog.store.contents import Contents, Entry, Kind, current
from landscape_catalog.store.files import explained_storage, remove_whole
from landscape_catalog.store.lock import held_if_free, is_held
from landscape_catalog.store.partial import LOCK_SUFFIX, partial_folder

SECONDS_IN_USE = 3600.0
"""An entry that was used within this time may be in use."""
SECONDS_UNTIL_LEFT = 86400.0
"""After this time without a change, something temporary, a lock or a checkpoint has been left by a
process that was killed."""
RESULTS: tuple[Kind, ...] = ("runs", "measurements")
LEFTOVERS: tuple[Kind, ...] = ("locks", "temporary")
_SECONDS_KEPT: dict[Kind, float] = {
    "runs": SECONDS_IN_USE,
    "measurements": SECONDS_IN_USE,
    "checkpoints": SECONDS_UNTIL_LEFT,
    "locks": SECONDS_UNTIL_LEFT,
    "temporary": SECONDS_UNTIL_LEFT,
}


@dataclass(frozen=True)
class Selection:
    """Which entries are to go: those that meet every condition that is given.

    Attributes:
        older_than: not used for so many seconds.
        unused: True for results that the current project does not hold.
        max_size: the least recently used, until the store has at most so many bytes.
    """

    older_than: float | None = None
    unused: bool = False
    max_size: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no condition, so that only what killed processes left is removed."""
        return self == Selection()


@dataclass(frozen=True)
class Choice:
    """What a selection means for a store.

    Attributes:
        removed: the entries to remove.
        in_use: entries that meet the conditions, but may be in use.
        size_left: bytes of the entries that stay.
    """

    removed: tuple[Entry, ...]
    in_use: tuple[Entry, ...]
    size_left: int


def choose(
    contents: Contents, selection: Selection, held: Collection[tuple[Kind, str]], now: float
) -> Choice:
    """Choose the entries that a selection removes; nothing is changed.

    What killed processes have left goes in any case. Records of the content of data are never
    chosen: they are small, and by them a changed library is noticed.

    Args:
        contents: of the store.
        selection: the conditions.
        held: kind and id of each result that the current project holds.
        now: Unix time.
    """
    left, most = contents.size, selection.max_size
    removed, in_use = [], []
    for entry in contents.entries:
        if entry.kind in LEFTOVERS and _is_free(entry, now):
            removed.append(entry)
            left -= entry.size
    for entry in [] if selection.is_empty else _meant(contents, selection, held, now):
        if most is not None and left <= most:
            break
        if _is_free(entry, now):
            removed.append(entry)
            left -= entry.size
        else:
            in_use.append(entry)
    return Choice(tuple(removed), tuple(in_use), left)


def _meant(
    contents: Contents, selection: Selection, held: Collection[tuple[Kind, str]], now: float
) -> list[Entry]:
    """The entries that meet the conditions other than `max_size`, least recently used first."""
    kinds: tuple[Kind, ...] = RESULTS if selection.unused else (*RESULTS, "checkpoints")
    meant = [
        entry
        for entry in contents.entries
        if entry.kind in kinds
        and now - entry.used >= (selection.older_than or 0.0)
        and not (selection.unused and (entry.kind, entry.key) in held)
    ]
    return sorted(meant, key=lambda entry: (entry.used, entry.key))


def _is_free(entry: Entry, now: float) -> bool:
    """Whether nobody can be using an entry."""
    return now - entry.used >= _SECONDS_KEPT[entry.kind] and not _is_locked(entry)


def _is_locked(entry: Entry) -> bool:
    """Whether an entry belongs to a run that is being trained."""
    return entry.kind in ("runs", "checkpoints", "locks") and is_held(_lock_of(entry))


def _lock_of(entry: Entry) -> Path:
    return partial_folder(entry.path.parent.parent) / f"{entry.key}{LOCK_SUFFIX}"


class Removal(Enum):
    """What became of an entry that was to be removed."""

    DONE = "removed"
    GONE = "somebody else has removed it"
    USED = "it has been used meanwhile"


def remove_entry(entry: Entry) -> Removal:
    """Remove an entry, unless it has been used since it was listed, or its run is being trained.

    Raises:
        StorageError: if the store is not writable.
    """
    now = current(entry)
    if now is None:
        return Removal.GONE if not os.path.lexists(entry.path) else Removal.USED
    if now != entry:
        return Removal.USED
    if entry.kind in ("checkpoints", "locks"):
        return _remove_of_run(entry)
    if _is_locked(entry):
        return Removal.USED
    return Removal.DONE if remove_whole(entry.path) else Removal.GONE


def _remove_of_run(entry: Entry) -> Removal:
    """Remove a checkpoint or a lock while holding the lock, whose files go as well."""
    with explained_storage(entry.path), held_if_free(_lock_of(entry)) as is_free:
        if not is_free or (entry.kind == "checkpoints" and current(entry) != entry):
            return Removal.USED
        if entry.kind == "checkpoints":
            remove_whole(entry.path)
    return Removal.DONE
