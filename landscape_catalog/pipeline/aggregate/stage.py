"""Stage 4: writes the catalog's tables, the DuckDB file, and the metrics and plots for DVC."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from landscape_catalog.catalog import (
    build_database,
    build_tables,
    packed_tables,
    plot_data,
    summary_metrics,
)
from landscape_catalog.pipeline.aggregate.gather import gather
from landscape_catalog.pipeline.shared.workspace import one_stage, open_workspace
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import ensure_folder, prune, write_file

log = logging.getLogger(__name__)


def run_aggregate(root: Path) -> None:
    """Gather all records, classify every cell, and write the catalog.

    Raises:
        MissingArtifactError: if a run or a measurement is missing.
    """
    workspace = open_workspace(root)
    project = workspace.project
    with one_stage(workspace):
        tables = build_tables(gather(workspace))
        write_tables(tables, project.catalog)
        build_database(project.catalog, project.database, project.database_note)
        summary = summary_metrics(tables)
        write_file(project.metrics, (strict_json(summary, indent=2) + "\n").encode())
        plots = plot_data(tables)
        for name, frame in plots.items():
            write_file(project.plots / f"{name}.csv", frame.write_csv().encode())
        counts = ", ".join(f"{phase} {n}" for phase, n in summary["phases"].items() if n)
        log.info("aggregate: %d cells: %s", tables["cells"].height, counts)


def write_tables(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    """Write the Parquet tables and their manifest, removing everything else from the folder."""
    files = packed_tables(tables)
    ensure_folder(folder)
    prune(folder, {name for name in files if (folder / name).is_file()})
    for name, content in files.items():
        write_file(folder / name, content)
