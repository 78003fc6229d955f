"""Write what was read into `data/imports/NAME`, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from landscape_catalog.catalog.parquet import packed_tables, table_path
from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.exchange.imports.grid import PublishedGrid, Source
from landscape_catalog.exchange.imports.registry import IMPORTERS
from landscape_catalog.exchange.imports.tables import tables_of
from landscape_catalog.paths import Project
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import (
    folder_contents,
    remove_temporary,
    replace_folder,
    write_file,
)

SOURCE = "source.json"
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LEFT_OVER = 3600.0  # seconds after which a temporary folder is one of a write that was killed
TAKEN = ("current", "all")  # names that stand for other sources
_HEAD = """\
# The import {name} (data/imports/{name}): its thresholds, and how its report is drawn.
# It is classified when it is read, so that a change here takes effect at once.

"""


@dataclass(frozen=True)
class Imported:
    """What an import has done.

    Attributes:
        name: of the import.
        grid: what was read.
        tables: the catalog's tables.
        is_new: False if the same was there already.
        settings_are_new: whether `imports/NAME.yaml` was written.
    """

    name: str
    grid: PublishedGrid
    tables: Mapping[str, pl.DataFrame]
    is_new: bool
    settings_are_new: bool


def require_name(name: str) -> None:
    """Require a name of an import; raises `PublishedError` otherwise."""
    allowed = "letters, digits, `.`, `_` and `-`, not beginning with a mark, at most 100 characters"
    if NAMES.fullmatch(name) is None:
        raise PublishedError(f"--name: got {shown(name)}; allowed: {allowed}")
    if name in TAKEN or name.endswith((".", ".dvc", ".bak")):
        raise PublishedError(
            f"--name: got {shown(name)}; allowed: a name other than `current` and `all` that "
            "does not end in `.`, `.dvc` or `.bak`"
        )


def write_import(project: Project, grid: PublishedGrid, name: str) -> Imported:
    """Write an import and, unless there are any, its settings.

    The same source under the same name changes nothing, but mends what is damaged.

    Args:
        project: the project.
        grid: what was read.
        name: of the import.

    Raises:
        PublishedError: if the name is invalid, or taken by another import.
        StorageError: if it cannot be written.
    """
    require_name(name)
    tables = tables_of(grid, IMPORTERS[grid.source.format].recipe)
    contents = packed_tables(tables) | {SOURCE: _source_json(grid.source)}
    folder, settings = project.imports / name, project.import_settings / f"{name}.yaml"
    is_new = _must_be_written(project, folder, contents, tables)
    settings_are_new = not settings.exists()
    if settings_are_new:
        write_file(settings, _settings_yaml(name, grid.settings))
    try:
        if is_new:
            remove_temporary(folder.parent, seconds=LEFT_OVER)
            replace_folder(folder, contents)
    except BaseException:
        if settings_are_new:
            settings.unlink(missing_ok=True)
        raise
    return Imported(name, grid, tables, is_new, settings_are_new)


def _must_be_written(
    project: Project,
    folder: Path,
    contents: Mapping[str, bytes],
    tables: Mapping[str, pl.DataFrame],
) -> bool:
    """Whether the folder does not hold these contents yet.

    Raises:
        PublishedError: if it holds something else than an import of the same source.
    """
    if not os.path.lexists(folder):
        return True
    place = project.shown(folder)
    found = folder_contents(folder) if folder.is_dir() else {}
    same_tables = all(found.get(name) == new for name, new in contents.items() if name != SOURCE)
    if same_tables and _same_file(found, contents):
        return False
    known, own = _experiment_id(found), tables["experiments"]["experiment_id"].item()
    if known == own or (known is None and _same_file(found, contents)):
        return True
    what = "an import of something else" if SOURCE in found else "no import"
    if SOURCE in found:
        what += f" ({_words(found[SOURCE])})"
    raise PublishedError(
        f"{place} is {what}, and was left as it is. Choose another name with --name, or remove it"
    )


def _experiment_id(found: Mapping[str, bytes]) -> str | None:
    """Id of the experiment that a folder holds; None if that cannot be read."""
    content = found.get(table_path(Path(), "experiments").name, b"")
    try:
        ids = pl.read_parquet(io.BytesIO(content), columns=["experiment_id"])
        return str(ids["experiment_id"].item())
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return None


def _same_file(found: Mapping[str, bytes], contents: Mapping[str, bytes]) -> bool:
    """Whether an import is of the same file, whatever the file is called."""
    before, now = _place(found.get(SOURCE, b"")), _place(contents[SOURCE])
    return all(before.get(key) == now[key] for key in ("format", "sha256"))


def _words(source: bytes) -> str:
    place = _place(source)
    return f"{place.get('format')}, file {shown(place.get('file'))}"


def _place(source: bytes) -> dict[str, Any]:
    """The first place of a `source.json`; empty if it cannot be read."""
    try:
        place = json.loads(source)["places"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return {}
    return place if isinstance(place, dict) else {}


def _source_json(source: Source) -> bytes:
    names = ("format", "file", "sha256", "citation", "url", "note")
    place = {name: getattr(source, name) for name in names}
    known = {name: value for name, value in place.items() if value is not None}
    return (strict_json({"places": [known]}, indent=1) + "\n").encode()


def _settings_yaml(name: str, settings: Mapping[str, Any]) -> bytes:
    stream = io.StringIO()
    yaml = YAML()
    yaml.dump(dict(settings), stream)
    return (_HEAD.format(name=name) + stream.getvalue()).encode()
