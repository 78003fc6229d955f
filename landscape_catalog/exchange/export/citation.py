"""Who made a bundle, under which licence, and how it is cited."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from landscape_catalog.errors import UserError, shown
from landscape_catalog.schema.tables import Row
from landscape_catalog.store.recipes_file import PACKAGE

UNKNOWN = "Unknown"
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,99}")
_URL = re.compile(r"https?://[^\s<>\"{}|\\^`]{1,1000}")
_SPDX = "http://spdx.org/licenses/"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {character: f"\\{character}" for character in "{}&%$#_"}


@dataclass(frozen=True)
class Credits:
    """What is said of a bundle besides its results.

    Attributes:
        authors: their names; empty: unknown.
        licence: an SPDX identifier or a URL.
        published: date of publication.
    """

    authors: tuple[str, ...] = ()
    licence: str | None = None
    published: date | None = None

    @property
    def licence_url(self) -> str | None:
        """The URL that stands for the licence."""
        if self.licence is None or _URL.fullmatch(self.licence):
            return self.licence
        return f"{_SPDX}{self.licence}"


def is_url(text: str | None) -> bool:
    """Whether a text is the URL of a web page."""
    return text is not None and _URL.fullmatch(text) is not None


def published_as(source: Row) -> str | None:
    """The publication of results in one line, from their row of `sources`; None if there is none.

    Results whose publication has no name are known by their URL, or else by their file.
    """
    found = source["citation"] or source["url"] or source["file"] or source["format"]
    return None if found is None else " ".join(found.split())


def credits_of(
    root: Path | None,
    authors: Sequence[str] = (),
    licence: str | None = None,
    day: str | None = None,
) -> Credits:
    """Check what was typed; without authors, the user whom Git knows is the author.

    Args:
        root: of the project, whose Git configuration is asked; None: it is not asked, since the
            results are those of others.
        authors: their names.
        licence: an SPDX identifier or a URL.
        day: of publication, as in 2026-01-31.

    Raises:
        UserError: if something is invalid.
    """
    for author in authors:
        if not author.strip() or not author.isprintable():
            raise UserError(f"--author: got {shown(author)}; allowed: a name on one line")
    if licence is not None and not (_LICENCE.fullmatch(licence) or _URL.fullmatch(licence)):
        allowed = "an SPDX identifier such as CC-BY-4.0, or a URL"
        raise UserError(f"--license: got {shown(licence)}; allowed: {allowed}")
    try:
        published = None if day is None else date.fromisoformat(day)
    except ValueError:
        raise UserError(f"--date: got {shown(day)}; allowed: a date such as 2026-01-31") from None
    names = tuple(author.strip() for author in authors) or (() if root is None else _git_user(root))
    return Credits(names, licence, published)


def _git_user(root: Path) -> tuple[str, ...]:
    """The name that Git gives the author of commits here; empty if it knows none."""
    command = ["git", "config", "user.name"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    name = done.stdout.decode(errors="replace").strip()
    return (name,) if done.returncode == 0 and name and name.isprintable() else ()


def bibtex(
    title: str, key: str, note: str, version: str, credits: Credits, published: str | None = None
) -> str:
    """An entry for a bundle.

    That of published results without authors of the bundle names the publication instead.

    Args:
        title: of the bundle.
        key: by which it is cited.
        note: which results it holds.
        version: of the package that they were exported with.
        credits: authors and date.
        published: the publication that the results come from.
    """
    day = credits.published
    if published is not None:
        note = f"Results published by {published.rstrip('.')}. {note}"
    fields = {
        "author": " and ".join(map(_name, credits.authors)) or ("" if published else UNKNOWN),
        "key": f"{{{_escaped(published)}}}" if published else "",
        "title": f"{{{_escaped(title)}}}",
        "year": str(day.year) if day else "",
        "month": str(day.month) if day else "",
        "note": _escaped(note),
        "howpublished": _escaped(f"Dataset, exported with {PACKAGE} {version}"),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _name(author: str) -> str:
    """A name; braces keep one together that BibTeX would take for two."""
    escaped = _escaped(author)
    return f"{{{escaped}}}" if re.search(r"\band\b|,", author) else escaped


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
