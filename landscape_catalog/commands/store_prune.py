"""`landscape store prune`: removing from the shared store what is no longer needed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from landscape_catalog.commands.quantities import bytes_of, seconds_of
from landscape_catalog.commands.store import (
    age_of,
    held_by,
    missing_store,
    store_of,
    unknown_lines,
)
from landscape_catalog.errors import StorageError, UserError, shown
from landscape_catalog.machine import shown_bytes
from landscape_catalog.runner.progress import format_duration
from landscape_catalog.store.contents import KINDS, Contents, Entry, Kind, read_contents
from landscape_catalog.store.pruning import (
    RESULTS,
    SECONDS_IN_USE,
    Choice,
    Removal,
    Selection,
    choose,
    remove_entry,
)


def selection_of(older_than: str | None, max_size: str | None, *, unused: bool) -> Selection:
    """The conditions that are typed as options of `landscape store prune`.

    Raises:
        UserError: if an option is no duration or no size.
    """
    return Selection(
        _parsed("--older-than", older_than, seconds_of, "a duration such as 12h, 30d or 8w"),
        unused,
        _parsed("--max-size", max_size, bytes_of, "a size such as 500MB or 20GB"),
    )


def _parsed(
    name: str, given: str | None, parse: Callable[[str], int | None], allowed: str
) -> int | None:
    found = None if given is None else parse(given)
    if given is not None and found is None:
        raise UserError(f"{name}: got {shown(given)}; allowed: {allowed}")
    return found


def prune_store(
    root: Path | None, selection: Selection, *, is_real: bool, now: float | None = None
) -> str:
    """Remove what a selection names, or say what would be removed.

    Args:
        root: the current project; None outside a project.
        selection: what is removed besides what killed processes have left.
        is_real: False to change nothing.
        now: Unix time; None: that of the clock.

    Raises:
        UserError: if the selection refers to the current project and there is none.
        StorageError: if the store cannot be read, or something cannot be removed from it.
    """
    now = time.time() if now is None else now
    store, held = store_of(root), held_by(root)
    if selection.unused and held is None:
        raise UserError("--unused: there is no project here whose results could be compared")
    try:
        contents = read_contents(store)
    except FileNotFoundError:
        return missing_store(store)
    choice = choose(contents, selection, held or frozenset(), now)
    lines = [f"store         {store}"]
    if is_real:
        lines += _removed_lines(store, choice, contents, now)
    else:
        lines += _kind_lines("would remove", choice.removed, now)
        lines.append(_frees("would free", choice.removed, contents))
    lines += _kept_lines(choice, selection, held or frozenset())
    lines += unknown_lines(contents.unknown, store)
    return "\n".join([*lines, *_hints(choice, selection, is_real=is_real)])


def _removed_lines(store: Path, choice: Choice, contents: Contents, now: float) -> list[str]:
    """Remove the chosen entries; raises an error at the end if some could not be removed."""
    outcomes: dict[Entry, Removal] = {}
    errors: list[StorageError] = []
    for entry in choice.removed:
        try:
            outcomes[entry] = remove_entry(entry)
        except StorageError as error:
            errors.append(error)
    done = [entry for entry, outcome in outcomes.items() if outcome is Removal.DONE]
    if errors:
        size = shown_bytes(sum(entry.size for entry in done))
        raise StorageError(
            f"{len(errors):,} of {len(choice.removed):,} entries could not be removed from the "
            f"shared store {store} ({errors[0]}); {len(done):,} were removed ({size})"
        )
    lines = [*_kind_lines("removed", done, now), _frees("freed", done, contents)]
    others = Counter(outcomes.values())
    return lines + [
        f"left out      {others[outcome]:,}: {outcome.value}"
        for outcome in (Removal.USED, Removal.GONE)
        if others[outcome]
    ]


def _kind_lines(verb: str, entries: Iterable[Entry], now: float) -> list[str]:
    """Count, size and ages of entries, one line for each kind."""
    lines = []
    for kind in KINDS:
        found = [entry for entry in entries if entry.kind == kind]
        if found:
            ages = [age_of(entry, now) for entry in found]
            size = shown_bytes(sum(entry.size for entry in found))
            first, last = format_duration(min(ages)), format_duration(max(ages))
            when = first if first == last else f"{first} to {last}"
            what = "left by killed processes" if kind in ("locks", "temporary") else "last used"
            lines.append(f"{len(found):,} {_words(kind, len(found))}, {size}, {what} {when} ago")
    return [f"{verb if i == 0 else '':<14}{line}" for i, line in enumerate(lines or ["nothing"])]


def _frees(verb: str, entries: Iterable[Entry], contents: Contents) -> str:
    size = sum(entry.size for entry in entries)
    return f"{verb:<14}{shown_bytes(size)} of {shown_bytes(contents.size)}"


def _kept_lines(
    choice: Choice, selection: Selection, held: frozenset[tuple[Kind, str]]
) -> list[str]:
    results = sum(entry.kind in RESULTS for entry in choice.in_use)
    others, hour = len(choice.in_use) - results, format_duration(SECONDS_IN_USE)
    lines = []
    if results:
        what = "result" if results == 1 else "results"
        lines.append(f"kept          {results:,} {what} used less than {hour} ago or in training")
    if others:
        what = _words("checkpoints", others)
        lines.append(f"kept          {others:,} {what} less than a day old or in training")
    if selection.max_size is not None and choice.size_left > selection.max_size:
        lines.append(
            f"note          {shown_bytes(choice.size_left)} stay, more than --max-size, since the "
            "rest may not be removed"
        )
    again = [entry for entry in choice.removed if (entry.kind, entry.key) in held]
    if again:
        lines.append(
            f"note          this project's data/ holds {len(again):,} of them; its next stage adds "
            "them to the store again"
        )
    return lines


def _hints(choice: Choice, selection: Selection, *, is_real: bool) -> list[str]:
    if is_real:
        return []
    lines = []
    if selection.is_empty:
        lines.append(
            "Without --older-than, --unused or --max-size, only what killed processes have left is "
            "removed."
        )
    if choice.removed:
        lines.append("Nothing has been removed; the same command with --yes removes it.")
    return lines


def _words(kind: Kind, count: int) -> str:
    if kind == "temporary":
        return "temporary file or folder" if count == 1 else "temporary files or folders"
    return kind.removesuffix("s") if count == 1 else kind
