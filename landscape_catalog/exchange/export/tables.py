"""Every table of a source and the wide view `cells`, as CSV or Parquet files."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Literal

import polars as pl

from landscape_catalog.catalog import TABLES, packed_tables, query
from landscape_catalog.catalog.ddl import SQL_TYPES
from landscape_catalog.catalog.description import described_columns
from landscape_catalog.catalog.parquet import MANIFEST, table_path
from landscape_catalog.catalog.sources import PLACES_FILE, Source, source_named
from landscape_catalog.catalog.tables import ORIGIN
from landscape_catalog.catalog.versions import SCHEMA_VERSION
from landscape_catalog.errors import DamagedFileError
from landscape_catalog.exchange.export.output import Written, new_output
from landscape_catalog.exchange.export.readme import tables_readme
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.schema.tables import Row

Form = Literal["csv", "parquet"]
FOLDER = "tables"
WIDE = "cells"


def export_tables(project: Project, folder: Path, form: Form, name: str) -> dict[str, Written]:
    """Write the tables of a source to a new folder; returns the files that it holds.

    Args:
        project: the project.
        folder: a new or empty folder.
        form: of the files.
        name: of the source.

    Raises:
        UserError: if the folder is not free, or there is no such source.
        MissingArtifactError, DamagedFileError: if a table cannot be read.
        StorageError: if the folder cannot be written.
    """
    source = source_named(project, name)
    tables, wide = source.tables(), wide_cells(source)
    experiment = experiment_of(source, tables)
    columns = described(tables, wide)
    with new_output(folder, project) as output:
        if form == "csv":
            output.write(f"{WIDE}.csv", as_csv(wide))
            for table, frame in tables.items():
                output.write(f"{FOLDER}/{table}.csv", as_csv(frame))
        else:
            output.write(f"{WIDE}.parquet", _as_parquet(wide))
            for file, content in catalog_files(source, tables).items():
                output.write(f"{FOLDER}/{file}", content)
        output.write("columns.csv", as_csv(columns))
        output.write("README.md", tables_readme(experiment, tables, form).encode())
    return output.files


def experiment_of(source: Source, tables: dict[str, pl.DataFrame]) -> Row:
    """The row of the table `experiments`.

    Raises:
        DamagedFileError: if there is not exactly one.
    """
    rows = tables["experiments"].rows(named=True)
    if len(rows) != 1:
        raise DamagedFileError(
            f"{source.folder} is damaged: it has {len(rows)} experiments; {source.remedy}"
        )
    return rows[0]


def catalog_files(source: Source, tables: dict[str, pl.DataFrame]) -> dict[str, bytes]:
    """The Parquet tables with their manifest, as `landscape collect` reads them.

    With them is a `source.json` that says where published results were published.

    They are equal to the byte to what is stored, unless that is of an older schema, or published
    results, which are stored without phases.

    Raises:
        DamagedFileError: if a table does not match its checksum.
    """
    is_as_stored = source.settings is None and source.manifest.version == SCHEMA_VERSION
    files = _stored(source) if is_as_stored else packed_tables(tables)
    known = {name: text for name, text in (source.publication or {}).items() if text is not None}
    if known:
        files[PLACES_FILE] = (strict_json({"places": [known]}, indent=1) + "\n").encode()
    return files


def _stored(source: Source) -> dict[str, bytes]:
    manifest = read_regular(source.folder / MANIFEST)
    contents = {}
    for name in TABLES:
        path = table_path(source.folder, name)
        contents[path.name] = read_regular(path)
        if hashlib.sha256(contents[path.name]).hexdigest() != source.manifest.hashes[path.name]:
            raise DamagedFileError(f"{path} is damaged; {source.remedy}")
    return {**contents, MANIFEST: manifest}


def wide_cells(source: Source) -> pl.DataFrame:
    """One row per cell: its parameters, its phase, and every metric. Raises as `source.tables`."""
    return query(f"SELECT * EXCLUDE ({ORIGIN.name}) FROM cells", sources=[source])


def as_csv(frame: pl.DataFrame) -> bytes:
    """A table as CSV in UTF-8: every digit that a number has, null as nothing, empty text as "".

    >>> as_csv(pl.DataFrame({"a": [0.1 + 0.2, None], "b": ["", "x"]}))
    b'a,b\\n0.30000000000000004,""\\n,x\\n'
    """
    return frame.write_csv().encode()


def _as_parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()


def described(tables: dict[str, pl.DataFrame], wide: pl.DataFrame) -> pl.DataFrame:
    """Every column of the wide view (`cells`) and of each table (`tables/NAME`): its type in
    DuckDB, its unit and its meaning."""
    known = dict(tables["cell_metrics"].select("metric", "unit").drop_nulls().iter_rows())
    units = {f"{metric}{suffix}": unit for metric, unit in known.items() for suffix in ("", "_sd")}
    rows = [
        (WIDE, column, kind, units.get(column, unit), meaning)
        for _, column, kind, unit, meaning in described_columns(WIDE).iter_rows()
        if column in wide.columns
    ]
    for name, table in TABLES.items():
        rows += [
            (f"{FOLDER}/{name}", column.name, SQL_TYPES[column.kind], column.unit, column.meaning)
            for column in table.columns
        ]
    frame = pl.DataFrame(rows, schema=["table", "column", "type", "unit", "meaning"], orient="row")
    text = pl.col("type").str.starts_with("ENUM")
    return frame.with_columns(pl.when(text).then(pl.lit("VARCHAR")).otherwise("type").alias("type"))
