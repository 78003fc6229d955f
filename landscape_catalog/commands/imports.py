"""Imports published results, and says what was imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landscape_catalog.errors import shown
from landscape_catalog.exchange.imports.registry import IMPORTERS
from landscape_catalog.exchange.imports.writing import Imported, require_name, write_import
from landscape_catalog.paths import Project


def import_results(root: Path, form: str, path: Path, name: str | None, **options: Any) -> str:
    """Import a file or folder, and describe what was imported.

    Args:
        root: the project.
        form: name of the importer.
        path: of the file or folder.
        name: of the import; None: that of the importer.
        options: of the importer.

    Raises:
        PublishedError: if the results cannot be imported.
        SpecError: if the map of a table is invalid.
        StorageError: if they cannot be written.
    """
    importer = IMPORTERS[form]
    chosen = importer.name if name is None else name
    require_name(chosen)
    project = Project(root)
    imported = write_import(project, importer.read(path, **options), chosen)
    return "\n".join(_lines(project, imported))


def _lines(project: Project, imported: Imported) -> Iterator[str]:
    name, grid = imported.name, imported.grid
    folder = project.shown(project.imports / name)
    settings = project.shown(project.import_settings / f"{name}.yaml")
    source = grid.source
    done = "imported" if imported.is_new else "already imported, and left as it is"
    yield f"{name}: {done}, from {source.file} ({source.citation})"
    yield f"  cells    {len(grid.cells):,}: {_axes(imported)}"
    yield f"  runs     {_runs(imported)}"
    yield f"  metrics  {', '.join(dict.fromkeys(metric.name for metric in grid.metrics))}"
    yield f"  in       {folder}"
    kept = "written" if imported.settings_are_new else "kept as it is"
    if imported.settings_of is not None:
        kept += f"; written for {shown(imported.settings_of)}"
    yield f"  settings {settings} ({kept}): thresholds, and how the report is drawn"
    if grid.lacks:
        yield "  the source lacks"
        yield from (f"    {words}" for words in grid.lacks)
    yield from (f"  {words}" for words in grid.notes)
    yield "Next:"
    yield f"  landscape report --source {name}"
    yield f'  landscape sql --source {name} "SELECT phase, count(*) FROM cells GROUP BY phase"'
    yield f"  dvc add {folder} && git add {folder}.dvc {settings}"


def _axes(imported: Imported) -> str:
    axes = json.loads(imported.tables["experiments"]["axes"].item())
    return " × ".join(f"{axis['path']} ({len(axis['values'])} values)" for axis in axes) or "one"


def _runs(imported: Imported) -> str:
    """How many runs there are in the tables, or are said to be behind the means."""
    runs = imported.tables["runs"]
    if runs.height:
        failed = int((runs["status"] == "NC").sum())
        return f"{runs.height:,}" + (f", {failed} of them not converged" if failed else "")
    published = imported.tables["experiments"]["n_runs"].item()
    return "none" if published is None else f"none, only means over {published:,} runs"
