"""Stage 5: writes the phase report, a single HTML file."""

from __future__ import annotations

import logging
from pathlib import Path

from landscape_catalog.catalog import read_tables
from landscape_catalog.experiment.reading import check_report_of, read_report
from landscape_catalog.paths import Project
from landscape_catalog.reports import build_page
from landscape_catalog.store.files import write_file
from landscape_catalog.store.recipes_file import check_recipes

log = logging.getLogger(__name__)


def run_report(root: Path) -> None:
    """Write the report from the catalog and the `report` section of `params.yaml` alone.

    Raises:
        RecipesError: if the project is a study of another version of the package.
        SpecError: if the section is invalid, or names an axis that the experiment does not have.
        MissingArtifactError: if there is no catalog.
        DamagedFileError: if a table is damaged.
    """
    project = Project(root)
    check_recipes(project)
    settings, tables = read_report(project.params), read_tables(project.catalog)
    check_report_of(settings, tables["experiments"]["spec"].item())
    write_file(project.report, build_page(tables, settings).encode())
    log.info("report: %s", project.shown(project.report))
