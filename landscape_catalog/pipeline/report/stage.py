"""Stage 5: the phase report, one HTML file."""

from __future__ import annotations

import logging
from pathlib import Path

from landscape_catalog.catalog import read_tables
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.reports import build_page
from landscape_catalog.store.files import write_file

log = logging.getLogger(__name__)


def run_report(root: Path) -> None:
    """Draw the catalog.

    Raises:
        MissingArtifactError: if there is no catalog.
        DamagedFileError: if one of its tables is damaged.
    """
    workspace = open_workspace(root)
    project = workspace.project
    page = build_page(read_tables(project.catalog), workspace.experiment.report)
    write_file(project.report, page.encode())
    log.info("report: %s", project.shown(project.report))
