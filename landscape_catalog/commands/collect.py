"""`landscape collect`: says which catalogs were collected, and what gave none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landscape_catalog.exchange.collect.collect import Request, collect
from landscape_catalog.exchange.collect.outcome import Outcome, Skipped
from landscape_catalog.exchange.collect.unusable import Reason
from landscape_catalog.paths import Project

LISTED = 10  # new experiments
NAMED = 3  # revisions


def collect_catalogs(
    root: Path,
    paths: Sequence[Path] = (),
    *,
    revs: str | None = None,
    experiments: bool = False,
    remote: str | None = None,
) -> str:
    """Collect catalogs into `data/collected`; see `Request`.

    Returns:
        What was collected, and what was skipped, by reason.

    Raises:
        RepositoryError: if something that is asked for does not exist or cannot be read.
        StorageError: if a catalog cannot be written.
    """
    project = Project(root)
    outcome = collect(project, Request(revs, experiments, remote, tuple(paths)))
    return summary(outcome, project.shown(project.collected))


def summary(outcome: Outcome, folder: str) -> str:
    """The outcome in words: one line for each kind of thing, with the first names."""
    rows = [("collected", _collected(outcome, folder))]
    rows += [("new", f"{name}   {_named(outcome.experiments[name])}") for name in _new(outcome)]
    if len(outcome.new) > LISTED:
        rows.append(("", f"and {len(outcome.new) - LISTED} more"))
    if outcome.mended:
        rows.append(("mended", f"{_named(outcome.mended)}, which did not match the manifest"))
    if outcome.current:
        words = f"{_revisions(len(outcome.current))} with the content of data/catalog"
        rows.append(("current", f"{words}: {_named(outcome.current)}"))
    for reason in Reason:
        if reason in outcome.skipped:
            rows.append(("skipped", _skipped(reason, outcome.skipped[reason])))
    return "\n".join(f"{kind:<12}{words}" for kind, words in rows)


def _collected(outcome: Outcome, folder: str) -> str:
    count = len(outcome.experiments)
    noun = "experiment" if count == 1 else "experiments"
    found = _revisions(outcome.revisions - len(outcome.current))
    return f"{count} {noun} ({len(outcome.new)} new) from {found}, in {folder}"


def _new(outcome: Outcome) -> list[str]:
    return outcome.new[:LISTED]


def _skipped(reason: Reason, skipped: list[Skipped]) -> str:
    """The reason, how many there are, the first names, and what was wrong with the first."""
    names = _named([each.name for each in skipped])
    return f"{reason}: {len(skipped)}   {names}   ({skipped[0].detail})"


def _revisions(count: int) -> str:
    return f"{count} revision" if count == 1 else f"{count} revisions"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
