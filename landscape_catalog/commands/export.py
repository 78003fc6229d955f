"""`landscape export`: writes results for others, and says what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from landscape_catalog.catalog.sources import source_named
from landscape_catalog.exchange.export.bundle import export_bundle
from landscape_catalog.exchange.export.citation import UNKNOWN, credits_of, published_as
from landscape_catalog.exchange.export.output import Written
from landscape_catalog.exchange.export.tables import Form, export_tables
from landscape_catalog.machine import shown_bytes
from landscape_catalog.paths import Project


def export_files(root: Path, folder: Path, form: Form, source: str) -> str:
    """Write the tables of a source; raises the errors of `export_tables`."""
    return _written(folder, export_tables(Project(root), folder, form, source))


def export_citable(
    root: Path,
    path: Path,
    source: str,
    authors: Sequence[str],
    licence: str | None,
    day: str | None,
    *,
    weights: bool,
) -> str:
    """Write a bundle of a source; raises the errors of `credits_of` and `export_bundle`.

    The author of published results is never the user whom Git knows.
    """
    project = Project(root)
    publication = source_named(project, source).publication
    credits = credits_of(root if publication is None else None, authors, licence, day)
    files = export_bundle(project, path, source, credits, weights=weights)
    lines = [_written(path, files)]
    if weights:
        models = sum(name.endswith(".safetensors") for name in files)
        lines.append(f"models   {models:,}, each verified against its record")
    published = None if publication is None else published_as(publication)
    by = UNKNOWN if published is None else f"those of the publication, {published}"
    lines.append(f"authors  {', '.join(credits.authors) or by}")
    missing = [
        name
        for name, value in (
            ("--author", credits.authors or published),
            ("--license", licence),
            ("--date", day),
        )
        if not value
    ]
    if missing:
        lines.append(f"Before you publish it, give {' and '.join(missing)}.")
    return "\n".join(lines)


def _written(path: Path, files: Mapping[str, Written]) -> str:
    size = shown_bytes(sum(written.size for written in files.values()))
    return f"{path}: {len(files):,} files, {size}"
