"""A bundle that can be cited, and that another person can read with standard tools or import."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.catalog import TABLES
from landscape_catalog.catalog.database import schema_sql
from landscape_catalog.catalog.ddl import quoted, table_comment
from landscape_catalog.catalog.origins import load
from landscape_catalog.catalog.parquet import MANIFEST, Manifest, manifest_of
from landscape_catalog.catalog.sources import PLACES_FILE, PUBLICATION, source_named
from landscape_catalog.catalog.tables import SOURCES
from landscape_catalog.exchange.export.citation import Credits, bibtex, is_url, published_as
from landscape_catalog.exchange.export.crate import FILE, Described, crate
from landscape_catalog.exchange.export.models import find_models, write_models
from landscape_catalog.exchange.export.output import Output, Written, new_output
from landscape_catalog.exchange.export.readme import Facts, bundle_readme, one_line, summary
from landscape_catalog.exchange.export.settings import parameters_of, report_settings
from landscape_catalog.exchange.export.tables import (
    as_csv,
    catalog_files,
    experiment_of,
    wide_cells,
)
from landscape_catalog.paths import Project
from landscape_catalog.reports import build_page
from landscape_catalog.schema.tables import Row
from landscape_catalog.store.recipes_file import PACKAGE, installed_recipes

CATALOG, SUMS = "catalog", "SHA256SUMS"
# Columns of `sources`; the others are true on this machine only.
_KNOWN_ELSEWHERE = (
    "origin", "name", "kind", "experiment_id", "classification_id",
    *PUBLICATION,
)  # fmt: skip
_MEANINGS = {
    "params.yaml": "the parameters that determine the results, and the thresholds",
    "settings.yaml": "the thresholds, and how the report is drawn",
    "report.html": "the phase report, one file that needs no network",
    "cells.csv": "one wide row per cell: its parameters, its phase, every metric",
    "schema.sql": "tables, columns with their meaning and unit, and views, for DuckDB",
    "load.sql": "fills these tables from catalog/",
    "models.csv": "the runs whose weights are in models/",
    "README.md": "what this is, how to read it, and how to cite it",
    SUMS: "SHA-256 of every other file",
}
_GROUPS = {
    f"{CATALOG}/": "every table as a Parquet file, and a manifest with their SHA-256",
    "models/": "weights, record and history of every run",
    FILE: "the same for programs: RO-Crate 1.1",
}


def export_bundle(
    project: Project, path: Path, name: str, credits: Credits, *, weights: bool
) -> dict[str, Written]:
    """Write a bundle of a source to a new folder or ZIP archive; returns the files that it holds.

    It is the same to the byte whenever it is made of the same results with the same credits and
    version.

    Args:
        project: the project.
        path: of the folder, or of the archive if it ends in `.zip`.
        name: of the source.
        credits: authors, licence and date.
        weights: whether to add the weights of all runs.

    Raises:
        UserError: if the path is not free, or there is no such source.
        SpecError: if its settings are invalid.
        MissingArtifactError: if there is no catalog, `params.yaml` describes another one, or
            weights are missing.
        DamagedFileError: if a file does not match its checksum.
        StorageError: if the bundle cannot be written.
    """
    source = source_named(project, name)
    tables = source.tables()
    experiment = experiment_of(source, tables)
    run_ids = tables["runs"]["run_id"].unique(maintain_order=True).to_list() if weights else []
    models = find_models(project, run_ids)
    parameters = parameters_of(project, source, experiment)
    settings, loaded = report_settings(project, source), load([source])
    catalog = catalog_files(source, tables)
    known = loaded.sources.row(0, named=True) | (source.publication or {})
    described = _source_row(known, manifest_of(catalog[MANIFEST]))
    found = [] if source.publication is None else [described]
    with new_output(path, project) as output:
        for file, content in parameters.items():
            output.write(file, content)
        output.write("report.html", build_page(tables, settings, found).encode())
        output.write("cells.csv", as_csv(wide_cells(source)))
        for file, content in catalog.items():
            output.write(f"{CATALOG}/{file}", content)
        output.write("schema.sql", schema_sql(loaded).encode())
        output.write("load.sql", _load_sql(described).encode())
        if weights:
            write_models(output, models, tables)
        _describe(output, one_line(settings.title), experiment, credits, described)
    return output.files


def _source_row(known: Row, manifest: Manifest) -> Row:
    """The row of the table `sources` for a bundle, without what is true on this machine only."""
    stored = {"fingerprint": manifest.fingerprint, "schema_version": manifest.version}
    columns: Row = dict.fromkeys(column.name for column in SOURCES.columns)
    return columns | {name: known[name] for name in _KNOWN_ELSEWHERE} | stored


def _load_sql(source: Row) -> str:
    """Statements that fill the tables of `schema.sql`, run in the folder of the bundle."""
    origin = quoted(source["origin"])
    values = [
        "NULL" if source[column.name] is None else quoted(str(source[column.name]))
        for column in SOURCES.columns
    ]
    lines = [
        "-- Fills the tables of schema.sql; run it in the folder of this file.",
        *(
            f"INSERT INTO core.{name} SELECT *, {origin} FROM '{CATALOG}/{name}.parquet';"
            for name in TABLES
        ),
        f"INSERT INTO core.sources VALUES ({', '.join(values)});",
    ]
    return "\n".join(lines) + "\n"


def _describe(
    output: Output,
    title: str,
    experiment: Row,
    credits: Credits,
    source: Row,
) -> None:
    """Write what describes the other files: README, metadata and checksums."""
    ids = experiment["experiment_id"], experiment["classification_id"]
    version = installed_recipes().version
    note = f"Experiment {ids[0]}, classification {ids[1]}"
    published = published_as(source)
    entry = bibtex(title, f"landscape_{ids[0]}", note, version, credits, published)
    known = _MEANINGS | _GROUPS
    has = {*output.files, *(f"{name.partition('/')[0]}/" for name in output.files if "/" in name)}
    listed = {name: what for name, what in known.items() if name in {*has, "README.md", SUMS, FILE}}
    facts = Facts(title, experiment, listed, entry, credits, "models.csv" in has, source)
    output.write("README.md", bundle_readme(facts, PACKAGE).encode())
    described = Described(
        title,
        summary(experiment),
        f"{ids[0]}-{ids[1]}",
        version,
        credits,
        published,
        source["url"] if is_url(source["url"]) else None,
        _MEANINGS | _meanings_of_tables(),
    )
    output.write(FILE, crate(described, output.files, (SUMS,)))
    sums = [f"{written.sha256}  {name}\n" for name, written in sorted(output.files.items())]
    output.write(SUMS, "".join(sums).encode())


def _meanings_of_tables() -> dict[str, str]:
    found = {f"{CATALOG}/{name}.parquet": table_comment(table) for name, table in TABLES.items()}
    return found | {
        f"{CATALOG}/{MANIFEST}": "SHA-256 of each table, and a hash over all of them",
        f"{CATALOG}/{PLACES_FILE}": "where the results were published",
    }
