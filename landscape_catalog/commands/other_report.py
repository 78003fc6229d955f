"""Reports of results other than the current experiment's, and of two experiments compared."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.catalog.origins import load
from landscape_catalog.catalog.sources import CURRENT, Source
from landscape_catalog.exchange.collect.named import source_or_revision
from landscape_catalog.paths import Project
from landscape_catalog.reports import build_page, compared_tables, differences, sides
from landscape_catalog.schema.tables import Row
from landscape_catalog.store.files import write_file


def report_of(root: Path, name: str) -> str:
    """Write the report of a source or revision to reports/other, and say where it is.

    Raises:
        QueryError: if there is neither of this name, or the revision has no catalog.
        RepositoryError: if Git fails.
        SpecError: if the settings of an import are invalid.
        MissingArtifactError, DamagedFileError: if its tables cannot be read.
    """
    project = Project(root)
    source = source_or_revision(project, name)
    page = build_page(source.tables(), source.report, _found(source), known=_known(source))
    return _written(project, source.name, page)


def report_comparing(root: Path, first: str, second: str) -> str:
    """Write a report of two sources or revisions with their difference; raises as `report_of`."""
    project = Project(root)
    one, other = (source_or_revision(project, name) for name in (first, second))
    settings = one.report.model_copy(update={"title": f"{one.name} compared with {other.name}"})
    both = (one.name, one.tables(), other.name, other.tables())
    found = [*_found(one), *_found(other)]
    known = {**_known(one), **_known(other)}
    page = build_page(
        compared_tables(*both), settings, found, differences(*both), sides=sides(*both), known=known
    )
    return _written(project, f"{one.name}+{other.name}", page)


def _found(source: Source) -> list[Row]:
    """Where a source was found; nothing about the current experiment."""
    if source.kind == "current":
        return []
    return load([source], ["experiments"]).sources.rows(named=True)


def _known(source: Source) -> dict[str, str]:
    """The name in the catalog of a source that may be called by that of a revision."""
    return {source.name: CURRENT if source.kind == "current" else source.folder.name}


def _written(project: Project, name: str, page: str) -> str:
    path = project.other_report(name)
    write_file(path, page.encode())
    return f"report: {project.shown(path)}"
