"""What earlier calls have found out, so that it is not read again: `data/collected/index.json`.

All of it follows from commits and hashes, which never change, or holds as long as no file of a
folder is changed, and is found out again if the file is lost. What was collected is not in it: that
is what the folders hold.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.regular import read_regular
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file

log = logging.getLogger(__name__)

INDEX = "index.json"
VERSION = 2


@dataclass
class Index:
    """Facts about commits and catalogs.

    Attributes:
        outputs: for each project's path in its repository, the DVC hash of the catalog at each
            commit; None: there is none.
        fingerprints: the fingerprint of the catalog with a DVC hash.
        projects: for each URL of a Git remote, the paths of its projects.
        stamps: for each folder whose files had their checksums, what `stamp_of` said of it then.
    """

    outputs: dict[str, dict[str, str | None]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    projects: dict[str, list[str]] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)

    def text(self) -> bytes:
        """The content of the file."""
        return (strict_json({"version": VERSION, **asdict(self)}) + "\n").encode()


def read_index(folder: Path) -> Index:
    """The index in a folder; an empty one if it is missing, damaged or of another version."""
    path = folder / INDEX
    try:
        data = json.loads(read_regular(path))
        if data["version"] != VERSION:
            return Index()
        index = Index(data["outputs"], data["fingerprints"], data["projects"], data["stamps"])
        if not _is_sound(index):
            raise TypeError
    except FileNotFoundError:
        return Index()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        log.warning("%s is damaged; it is made again", path)
        return Index()
    return index


def write_index(folder: Path, index: Index) -> None:
    """Write the index, unless the file holds the same.

    Raises:
        StorageError: if it cannot be written.
    """
    content, path = index.text(), folder / INDEX
    try:
        same = read_regular(path) == content
    except OSError:
        same = False
    if not same:
        write_file(path, content)


def _is_sound(index: Index) -> bool:
    def texts(value: Any, *, null: bool = False) -> bool:
        return all(isinstance(text, str) or (null and text is None) for text in value)

    return (
        all(texts(known.values(), null=True) for known in index.outputs.values())
        and texts([*index.fingerprints.values(), *index.stamps.values()])
        and all(isinstance(paths, list) and texts(paths) for paths in index.projects.values())
    )
