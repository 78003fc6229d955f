"""`landscape store size`: what the shared store holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from landscape_catalog.machine import shown_bytes
from landscape_catalog.paths import TEMPORARY_PREFIX, Project
from landscape_catalog.runner.progress import format_duration
from landscape_catalog.store.contents import KINDS, Entry, Kind, Unknown, read_contents
from landscape_catalog.store.location import store_root

LISTED = 20  # unknown files
_HEAD = ("", "entries", "size", "oldest use", "newest use", "in this project")


def describe_store(root: Path | None, now: float | None = None) -> str:
    """A table of what the store holds; nothing is changed.

    Args:
        root: the current project; None outside a project.
        now: Unix time; None: that of the clock.

    Raises:
        StorageError: if the store cannot be read.
    """
    now = time.time() if now is None else now
    store = store_of(root)
    try:
        contents = read_contents(store)
    except FileNotFoundError:
        return missing_store(store)
    held = held_by(root)
    rows = [_row(kind, contents.of(kind), held, now) for kind in KINDS]
    rows.append(_row("all", contents.entries, held, now))
    lines = [f"store  {store}", "", *_aligned([_HEAD if root else _HEAD[:-1], *rows])]
    return "\n".join([*lines, *unknown_lines(contents.unknown, store)])


def _row(
    name: str, entries: Sequence[Entry], held: frozenset[tuple[Kind, str]] | None, now: float
) -> tuple[str, ...]:
    ages = [age_of(entry, now) for entry in entries]
    oldest, newest = (
        (f"{format_duration(age)} ago" for age in (max(ages), min(ages))) if ages else ("", "")
    )
    row = (
        name,
        f"{len(entries):,}",
        shown_bytes(sum(entry.size for entry in entries)),
        oldest,
        newest,
    )
    if held is None:
        return row
    used = [entry for entry in entries if (entry.kind, entry.key) in held]
    size = shown_bytes(sum(entry.size for entry in used))
    return (*row, f"{len(used):,} ({size})" if used else "")


def unknown_lines(unknown: Sequence[Unknown], store: Path) -> list[str]:
    """What is in the store and is none of its kinds: the first names."""
    if not unknown:
        return []
    size = shown_bytes(sum(item.size for item in unknown))
    lines = ["", f"{len(unknown):,} unknown, {size}; these are never removed:"]
    lines += [f"  {item.path.relative_to(store)}: {item.why}" for item in unknown[:LISTED]]
    more = len(unknown) - LISTED
    return [*lines, f"  and {more:,} more"] if more > 0 else lines


def age_of(entry: Entry, now: float) -> float:
    """Seconds since an entry was used."""
    return max(now - entry.used, 0.0)


def held_by(root: Path | None) -> frozenset[tuple[Kind, str]] | None:
    """Kind and id of everything in the project's data/ that the store may hold, too."""
    if root is None:
        return None
    project = Project(root)
    places: list[tuple[Kind, Path]] = [
        ("runs", project.runs),
        ("measurements", project.measurements),
        ("data records", project.prepared),
    ]
    return frozenset(
        (kind, item.name.removesuffix(".json"))
        for kind, folder in places
        for item in folder.glob("*")
        if not item.name.startswith(TEMPORARY_PREFIX)
    )


def store_of(root: Path | None) -> Path:
    """The store that a project, or a folder outside of one, uses."""
    return store_root(Project(root or Path.cwd()))


def missing_store(store: Path) -> str:
    """What is said of a store that is not there."""
    return f"There is no shared store yet ({store}): no stage has stored anything there."


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            value.ljust(width) if i == 0 else value.rjust(width)
            for i, (value, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
