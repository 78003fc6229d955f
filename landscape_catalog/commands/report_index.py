"""The index of all experiments: reports/index.html, no stage's output."""

from __future__ import annotations

import html
import itertools
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

from landscape_catalog.catalog.origins import contents_key
from landscape_catalog.catalog.sources import CURRENT, Source, find_sources
from landscape_catalog.errors import LandscapeError, MissingArtifactError
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.experiment.reading import read_report
from landscape_catalog.paths import Project
from landscape_catalog.reports.data.overview import READ, overview
from landscape_catalog.reports.page.index import Entry, build_index
from landscape_catalog.store.files import write_file

BEGINNING = 4096  # characters of a page among which its title is
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def write_index(root: Path) -> str:
    """Write the index of a project's experiments, and say where it is.

    A source that cannot be read has a line that says why.

    Raises:
        MissingArtifactError: if there is no experiment.
        QueryError: if two sources have the same name.
        StorageError: if the file cannot be written.
    """
    project = Project(root)
    sources = find_sources(project)
    entries = _entries(project, sources)
    if not entries:
        raise MissingArtifactError(
            "there is nothing to list: no catalog (data/catalog), no import (data/imports) and "
            "nothing collected (data/collected). Run `dvc repro`, `landscape import` or "
            "`landscape collect` first"
        )
    write_file(project.report_index, build_index(entries, _others(project, sources)).encode())
    return f"report: {project.shown(project.report_index)}"


def _entries(project: Project, sources: list[Source]) -> list[Entry]:
    """A line for each content, with the names of all sources that have it."""
    entries: dict[tuple[str, ...], Entry] = {}
    for source in sources:
        try:
            key = contents_key(source)
            if key in entries:
                same = (*entries[key].same, source.name)
                entries[key] = replace(entries[key], same=same)
            else:
                entries[key] = _entry(project, source)
        except LandscapeError as error:
            problem = " ".join(str(error).split())
            entries["", source.name] = Entry(source.name, source.kind, problem=problem)
    return list(entries.values())


def _others(project: Project, sources: list[Source]) -> list[tuple[str, str]]:
    """Title and place of each report that is no source's: of two compared, or of a revision."""
    known = {project.other_report(source.name) for source in sources}
    folder = project.other_report(CURRENT).parent
    found = []
    for path in sorted(folder.glob("*.html") if folder.is_dir() else ()):
        if path in known or not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as stream:
            title = _TITLE.search(stream.read(BEGINNING))
        words = html.unescape(title[1]) if title else path.stem
        found.append((words, path.relative_to(project.report_index.parent).as_posix()))
    return found


def _entry(project: Project, source: Source) -> Entry:
    """The line of a source, with a link to its report, or the command that writes it."""
    tables = source.tables(READ)
    if tables["experiments"].is_empty() or tables["cells"].is_empty():
        return Entry(source.name, source.kind, problem="the catalog has no cells")
    is_current = source.name == CURRENT
    settings: Report = read_report(project.params) if is_current else source.report
    page = project.report if is_current else project.other_report(source.name)
    command = "dvc repro" if is_current else f"landscape report --source {shlex.quote(source.name)}"
    known = overview(tables, settings)
    refs = [json.loads(place.get("refs") or "[]") for place in source.places]
    names = list(dict.fromkeys(itertools.chain(*refs)))
    if names:  # the folder of a collected catalog is called by ids
        known = replace(known, title=replace(source, name=", ".join(names)).report.title)
    return Entry(
        source.name,
        source.kind,
        known,
        page=page.relative_to(project.report_index.parent).as_posix() if page.is_file() else "",
        command=command,
    )
