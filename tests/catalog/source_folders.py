"""Folders of sources in a project, from synthetic tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog import packed_tables
from landscape_catalog.paths import Project
from tests.reports.grids import Catalog

GRID = Catalog({"load.width": [1, 2, 4], "temperature.batch_size": [16, 64]})
THRESHOLDS = "classify: {cka: {threshold: 0.4}}\nreport: {title: Published results}\n"


def write_source(folder: Path, tables: dict[str, pl.DataFrame], *places: dict[str, Any]) -> None:
    """A folder with these tables, found in these places."""
    folder.mkdir(parents=True)
    for name, content in packed_tables(tables).items():
        (folder / name).write_bytes(content)
    if places:
        (folder / "source.json").write_text(json.dumps({"places": list(places)}))


def identified(
    tables: dict[str, pl.DataFrame], experiment: str, classification: str | None = "k"
) -> dict[str, pl.DataFrame]:
    """The tables with other ids of experiment and classification."""
    ids = {"experiment_id": experiment, "classification_id": classification}
    return {
        name: frame.with_columns(
            pl.lit(value, pl.String).alias(column)
            for column, value in ids.items()
            if column in frame.columns
        )
        for name, frame in tables.items()
    }


def published(tables: dict[str, pl.DataFrame], experiment: str) -> dict[str, pl.DataFrame]:
    """The tables as an importer stores them: without phases, and classified by nothing."""
    nothing = pl.lit(None, pl.String)
    tables = identified(tables, experiment)
    return {
        **tables,
        **{name: tables[name].clear() for name in ("phases", "phase_probabilities", "criteria")},
        "cell_metrics": tables["cell_metrics"].with_columns(source=pl.lit("Nobody 2020")),
        "experiments": tables["experiments"].with_columns(
            nothing.alias("classification_id"), nothing.alias("classify")
        ),
    }


def write_import(
    project: Project, name: str, tables: dict[str, pl.DataFrame], settings: str = THRESHOLDS
) -> None:
    """An import with its settings."""
    write_source(project.imports / name, tables, {"format": "table", "citation": "Nobody 2020"})
    project.import_settings.mkdir(exist_ok=True)
    (project.import_settings / f"{name}.yaml").write_text(settings)
