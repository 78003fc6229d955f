"""Where a collected catalog was found: `source.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from landscape_catalog.catalog.sources import PUBLICATION
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.strict_json import strict_json

SOURCE = "source.json"
LARGEST, LONGEST = 2**20, 10_000  # bytes of a file of others, characters of a text in it


@dataclass(frozen=True)
class Place:
    """A place where a catalog was found.

    Attributes:
        repository: URL or path of the repository or folder; None: this repository.
        revision: the commit; None: files outside Git.
        path: the catalog's folder, relative to the repository or folder.
        refs: branches, tags and DVC experiments that point to the commit.
        format: this and the following, of published results: see the table `sources`.
    """

    repository: str | None
    revision: str | None
    path: str
    refs: tuple[str, ...] = ()
    format: str | None = None
    file: str | None = None
    sha256: str | None = None
    citation: str | None = None
    url: str | None = None
    note: str | None = None

    @property
    def key(self) -> tuple[str | None, str | None, str]:
        """What tells places apart."""
        return self.repository, self.revision, self.path

    @property
    def publication(self) -> dict[str, Any]:
        """What is known of the publication."""
        return _published(vars(self))


def with_refs(place: Place, refs: Mapping[str, set[str]]) -> Place:
    """A place with the names that it has today.

    A name that now belongs to another commit is dropped. One that no longer exists is kept: under
    it, for example that of a removed DVC experiment, the catalog was found.

    Args:
        place: the place.
        refs: all branches, tags and experiments of its repository, with the commits that they
            point to; two experiments on different commits may have the same name.
    """
    if place.revision is None:
        return place
    kept = [name for name in place.refs if place.revision in refs.get(name, {place.revision})]
    new = [name for name, commits in refs.items() if place.revision in commits]
    return replace(place, refs=tuple(dict.fromkeys(kept + new)))


def places_text(places: list[Place]) -> bytes:
    """The content of `source.json`: what is unknown is left out."""
    rows = [{k: v for k, v in asdict(place).items() if v not in (None, ())} for place in places]
    return (strict_json({"places": rows}, indent=1) + "\n").encode()


def read_places(folder: Path) -> list[Place]:
    """The places in a folder's `source.json`; none if it is missing or damaged."""
    try:
        return [_place(row) for row in json.loads(read_regular(folder / SOURCE))["places"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _place(row: dict[str, Any]) -> Place:
    refs = tuple(row.get("refs", ()))
    place = Place(row.get("repository"), row.get("revision"), row["path"], refs, **_published(row))
    texts = [place.path, *refs, place.repository or "", place.revision or ""]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    return place


def _published(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in PUBLICATION if isinstance(row.get(name), str)}


def published_in(folder: Path) -> dict[str, Any]:
    """What the `source.json` of a folder says of the publication of its results.

    It may be anybody's: only short texts of the known names are taken.

    Returns:
        Attributes of a `Place`; nothing if there is no such file, or it is damaged.
    """
    try:
        content = read_regular(folder / SOURCE)
        rows = json.loads(content)["places"] if len(content) <= LARGEST else []
        found = next(filter(None, map(_published, rows)), {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: text for name, text in found.items() if len(text) <= LONGEST}
