"""`ro-crate-metadata.json`: what a bundle and each of its files is, for programs.

RO-Crate 1.1, https://w3id.org/ro/crate/1.1: JSON-LD with schema.org's terms. `sha256` is one of
them that the context of version 1.1 does not list yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from landscape_catalog.exchange.export.citation import Credits
from landscape_catalog.exchange.export.output import Written
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.recipes_file import PACKAGE

FILE = "ro-crate-metadata.json"
_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "http://schema.org/sha256"}]
_SOFTWARE = f"#{PACKAGE}"
_FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".sql": "application/sql",
    ".html": "text/html",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
}
_Entity = dict[str, Any]


@dataclass(frozen=True)
class Described:
    """What is said of a bundle as a whole.

    Attributes:
        title: its name.
        description: what it holds.
        identifier: of its results.
        version: of the package that wrote it.
        credits: authors, licence and date.
        citation: the publication that the results come from, if they were published before.
        url: of that publication.
        descriptions: of files, by their path.
    """

    title: str
    description: str
    identifier: str
    version: str
    credits: Credits
    citation: str | None = None
    url: str | None = None
    descriptions: Mapping[str, str] = field(default_factory=dict)


def crate(bundle: Described, files: Mapping[str, Written], others: tuple[str, ...] = ()) -> bytes:
    """The metadata of a bundle.

    Args:
        bundle: what it is.
        files: its files by their path.
        others: files whose content is not known yet.
    """
    names = [*files, *others]
    root: _Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": bundle.title,
        "description": bundle.description,
        "identifier": bundle.identifier,
        "hasPart": [{"@id": _id(name)} for name in names],
        "mentions": {"@id": "#export"},
    }
    credits = bundle.credits
    people = [
        {"@id": f"#author-{i}", "@type": "Person", "name": name}
        for i, name in enumerate(credits.authors, 1)
    ]
    entities: list[_Entity] = [*people]
    if people:
        named = [{"@id": person["@id"]} for person in people]
        root["author"] = named if len(named) > 1 else named[0]
    if credits.published is not None:
        root["datePublished"] = credits.published.isoformat()
    if credits.licence is not None:
        root["license"] = {"@id": credits.licence_url}
        entities.append(
            {"@id": credits.licence_url, "@type": "CreativeWork", "name": credits.licence}
        )
    if bundle.citation is not None:
        place = bundle.url or "#published"
        root["citation"] = {"@id": place}
        entities.append({"@id": place, "@type": "CreativeWork", "name": bundle.citation})
    descriptor = {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    entities += [
        {
            "@id": _SOFTWARE,
            "@type": "SoftwareApplication",
            "name": PACKAGE,
            "softwareVersion": bundle.version,
        },
        {
            "@id": "#export",
            "@type": "CreateAction",
            "name": "landscape export bundle",
            "instrument": {"@id": _SOFTWARE},
            "result": {"@id": "./"},
        },
    ]
    parts = [_file(name, files.get(name), bundle.descriptions.get(name)) for name in names]
    graph = [descriptor, root, *parts, *entities]
    return (strict_json({"@context": _CONTEXT, "@graph": graph}, indent=1) + "\n").encode()


def _file(name: str, written: Written | None, description: str | None) -> _Entity:
    path = PurePosixPath(name)
    entity: _Entity = {"@id": _id(name), "@type": "File", "name": path.name}
    if description:
        entity["description"] = description
    unknown = "text/plain" if not path.suffix else "application/octet-stream"
    entity["encodingFormat"] = _FORMATS.get(path.suffix, unknown)
    if written is not None:
        entity |= {"contentSize": str(written.size), "sha256": written.sha256}
    return entity


def _id(name: str) -> str:
    return quote(name)
