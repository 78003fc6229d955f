"""Stage 4: writes the catalog's tables, the DuckDB file, and the metrics and plots for DVC."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from landscape_catalog.catalog import (
    SUMMARISED,
    build_database,
    build_rows,
    plot_data,
    read_tables,
    scan_table,
    summary_metrics,
    write_catalog,
)
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.pipeline.aggregate.gather import gather
from landscape_catalog.pipeline.shared.workspace import one_stage, open_workspace
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file

log = logging.getLogger(__name__)


def run_aggregate(root: Path) -> None:
    """Gather all records, classify every cell, and write the catalog.

    Raises:
        MissingArtifactError: if a run or a measurement is missing.
    """
    workspace = open_workspace(root)
    project = workspace.project
    with one_stage(workspace):
        result = gather(workspace)
        with TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=project.catalog.parent) as scratch:
            rows = build_rows(result, Path(scratch))
            write_catalog({name: table.parts() for name, table in rows.items()}, project.catalog)
        build_database(project.catalog, project.database, project.database_note)
        tables = read_tables(project.catalog, SUMMARISED)
        epochs, points = (scan_table(project.catalog, name) for name in ("epochs", "curve_points"))
        summary = summary_metrics(tables)
        write_file(project.metrics, (strict_json(summary, indent=2) + "\n").encode())
        for name, frame in plot_data(tables, epochs, points).items():
            write_file(project.plots / f"{name}.csv", frame.write_csv().encode())
        counts = ", ".join(f"{phase} {n}" for phase, n in summary["phases"].items() if n)
        log.info("aggregate: %d cells: %s", tables["cells"].height, counts)
