"""The sources of a project's results: its own catalog, imports, and what was collected."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl

from landscape_catalog.catalog import classification
from landscape_catalog.catalog.classification import classification_id, classified
from landscape_catalog.catalog.logarithms import with_natural_scale
from landscape_catalog.catalog.parquet import (
    MANIFEST,
    REBUILT,
    Manifest,
    read_manifest,
    read_tables,
    scan_table,
)
from landscape_catalog.catalog.tables import SOURCES, TABLES
from landscape_catalog.errors import (
    DamagedFileError,
    LandscapeError,
    MissingArtifactError,
    QueryError,
    shown,
)
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.experiment.reading import ImportSettings, read_import_settings
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row

CURRENT, EVERY = "current", "all"
PLACES_FILE = "source.json"
# What is true of published results wherever they lie: columns of `sources`, keys of `source.json`.
PUBLICATION = ("format", "file", "sha256", "citation", "url", "note")
MOST_NAMES = 30  # in one message
# The tables of published results that follow from their settings.
_CLASSIFIED = ("experiments", "phases", "phase_probabilities", "criteria")
_REMEDIES = {
    "current": REBUILT,
    "imported": "import it again",
    "collected": "collect it again; if it cannot be found any more, remove the folder",
}


@dataclass(frozen=True)
class Source:
    """A folder of catalog tables.

    Attributes:
        name: by which it is asked for: `current`, the name of an import, or of its folder.
        kind: how it came here.
        folder: with the Parquet tables and their manifest.
        settings_path: of an import: its thresholds and report settings.
    """

    name: str
    kind: Literal["current", "imported", "collected"]
    folder: Path
    settings_path: Path | None = None

    @property
    def remedy(self) -> str:
        """What to do if it is damaged."""
        return _REMEDIES[self.kind]

    @cached_property
    def manifest(self) -> Manifest:
        """What the folder says of its files. Raises the errors of `read_manifest`."""
        return read_manifest(self.folder, self.remedy)

    @cached_property
    def settings(self) -> ImportSettings | None:
        """Thresholds and report settings of an import; None for other sources.

        Raises:
            SpecError: if they are invalid, or the file is missing.
        """
        return None if self.settings_path is None else read_import_settings(self.settings_path)

    @cached_property
    def ids(self) -> tuple[str | None, str | None]:
        """Experiment and classification; None for a catalog without an experiment.

        Raises the errors of `tables`.
        """
        stored = read_tables(self.folder, ["experiments"], self.remedy)["experiments"]
        rows = stored.select("experiment_id", "classification_id").rows()
        experiment, classification = rows[0] if rows else (None, None)
        if experiment is not None and self.settings is not None:
            classification = classification_id(experiment, self.settings.classify)
        return experiment, classification

    @property
    def report(self) -> Report:
        """How its report is drawn, unless it is that of the project."""
        if self.settings is None:
            return Report(title=f"Phases of training: {self.name}")
        return self.settings.report

    def tables(self, names: Iterable[str] | None = None) -> dict[str, pl.DataFrame]:
        """Tables as they are asked for; those of published results are classified.

        Args:
            names: of the tables; None: all.

        Raises:
            MissingArtifactError, DamagedFileError: see `read_tables`.
            SpecError: if the settings of an import are invalid.
        """
        wanted = list(TABLES) if names is None else [name for name in TABLES if name in set(names)]
        if self.settings is None:
            return read_tables(self.folder, wanted, self.remedy)
        found = read_tables(
            self.folder, [name for name in wanted if name not in _CLASSIFIED], self.remedy
        )
        if len(found) < len(wanted):
            found |= self._classified
        if "cell_metrics" in found:
            found["cell_metrics"] = with_natural_scale(found["cell_metrics"])
        return {name: found[name] for name in wanted}

    def scan(self, name: str) -> pl.LazyFrame:
        """A table as a lazy frame; that of an import is read at once. Raises as `tables`."""
        if self.settings is None:
            return scan_table(self.folder, name, self.remedy)
        return self.tables([name])[name].lazy()

    @cached_property
    def _classified(self) -> dict[str, pl.DataFrame]:
        """The tables that follow from the settings of an import."""
        assert self.settings is not None
        stored = read_tables(self.folder, classification.READ, self.remedy)
        stored["cell_metrics"] = with_natural_scale(stored["cell_metrics"])
        tables = classified(stored, self.settings.classify)
        return {name: tables[name] for name in _CLASSIFIED}

    @cached_property
    def format(self) -> str | None:
        """The format of published results, as far as it can be read."""
        try:
            found = [place.get("format") for place in self.places]
        except LandscapeError:
            return None
        return found[0] if found else None

    @cached_property
    def publication(self) -> Row | None:
        """Where published results were published, by the names in `PUBLICATION`; None for others.

        They are an import, or were collected from a copy of one. Raises the errors of `places`.
        """
        found = self.places
        if self.settings_path is None:
            found = [place for place in found if {"format", "sha256"} <= place.keys()]
            if not found:
                return None
        first = next(iter(found), {})
        return {name: first.get(name) for name in PUBLICATION}

    @cached_property
    def places(self) -> list[Row]:
        """Where the results were found: a row of the table `sources` for each place, without what
        is the same for all.

        Raises:
            DamagedFileError: if the file that says so is damaged.
        """
        if self.kind == CURRENT:
            return [{}]
        path = self.folder / PLACES_FILE
        try:
            found = json.loads(read_regular(path).decode())["places"]
            return [_place(place) for place in found]
        except FileNotFoundError:
            return [{}]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DamagedFileError(f"{path} is damaged; {self.remedy}") from None


def _place(found: dict[str, Any]) -> Row:
    """What is stored about a place, as columns of the table `sources`."""
    known = {column.name: column for column in SOURCES.columns}
    row: Row = {}
    for name, value in found.items():
        if name in known and value is not None:
            text = value if isinstance(value, str) else readable_json(value)
            row[name] = text.encode(errors="backslashreplace").decode()
    return row


def current_source(folder: Path) -> Source:
    """The current experiment, whose tables are in a folder."""
    return Source(CURRENT, "current", folder)


def find_sources(project: Project) -> list[Source]:
    """Every source of a project, in the order of precedence: current, imports, collected.

    Raises:
        QueryError: if two have the same name, or one is called `current` or `all`.
    """
    found: list[Source] = []
    if (project.catalog / MANIFEST).is_file():
        found.append(current_source(project.catalog))
    imports = [
        Source(path.name, "imported", path, project.import_settings / f"{path.name}.yaml")
        for path in _folders(project.imports)
    ]
    # One that has its format's name comes first: a file imported again keeps its first origin.
    found += sorted(imports, key=lambda source: (source.name != source.format, source.name))
    found += [Source(folder.name, "collected", folder) for folder in _folders(project.collected)]
    taken = {EVERY, CURRENT}
    for source in found:
        if source.name in taken and source.kind != "current":
            raise QueryError(
                f"{project.shown(source.folder)} has a name that stands for something else: "
                f"{shown(source.name)}; rename the folder"
            )
        taken.add(source.name)
    return found


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path.parent for path in parent.glob(f"[!.]*/{MANIFEST}"))
    except OSError:
        return []


def find_source(project: Project, name: str) -> Source | None:
    """One source of a project; None if there is none of this name.

    `current` is one even before there is a catalog.
    """
    if name == CURRENT:
        return current_source(project.catalog)
    return next((one for one in find_sources(project) if one.name == name), None)


def source_names(project: Project) -> list[str]:
    """Names of the sources of a project, in the order of precedence."""
    return list(dict.fromkeys([CURRENT, *(one.name for one in find_sources(project))]))


def source_named(project: Project, name: str) -> Source:
    """One source of a project.

    Raises:
        QueryError: if there is none of this name.
    """
    found = find_source(project, name)
    if found is not None:
        return found
    raise QueryError(f"there is no source {shown(name)}; there are {listed(source_names(project))}")


def listed(names: Sequence[str]) -> str:
    """Names in a message, the first of many.

    >>> listed(["current", "yang2021"])
    'current, yang2021'
    """
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def chosen_sources(project: Project, name: str) -> list[Source]:
    """The sources that a name stands for: one, or every one for `all`.

    Raises:
        QueryError: if there is none of this name.
        MissingArtifactError: if there is no source at all, or no catalog of the experiment.
        DamagedFileError: if the manifest of a source does not match its checksum.
    """
    found = find_sources(project) if name == EVERY else [source_named(project, name)]
    if not found:
        raise MissingArtifactError(
            "there is nothing to ask: no catalog (data/catalog), no import (data/imports) and "
            "nothing collected (data/collected). Run `dvc repro`, `landscape import` or "
            "`landscape collect` first"
        )
    for source in found:
        assert source.manifest
    return found
