"""Every table of a source and the wide view `cells`, as CSV or Parquet files."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Literal

import polars as pl

from landscape_catalog.catalog import TABLES, packed_tables, query
from landscape_catalog.catalog.description import described_columns
from landscape_catalog.catalog.parquet import MANIFEST, table_path
from landscape_catalog.catalog.sources import Source, source_named
from landscape_catalog.catalog.tables import ORIGIN
from landscape_catalog.catalog.versions import SCHEMA_VERSION
from landscape_catalog.catalog.views.cells import PARTS
from landscape_catalog.errors import DamagedFileError
from landscape_catalog.exchange.export.output import Output, Written, new_output
from landscape_catalog.exchange.export.readme import tables_readme
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular

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
    columns = described(tables, wide)
    with new_output(folder, project) as output:
        if form == "csv":
            output.write(f"{WIDE}.csv", as_csv(wide))
            for table, frame in tables.items():
                output.write(f"{FOLDER}/{table}.csv", as_csv(frame))
        else:
            output.write(f"{WIDE}.parquet", _as_parquet(wide))
            write_catalog(output, source, tables, FOLDER)
        output.write("columns.csv", as_csv(columns))
        output.write("README.md", tables_readme(tables, form).encode())
    return output.files


def write_catalog(
    output: Output, source: Source, tables: dict[str, pl.DataFrame], folder: str
) -> None:
    """Write the Parquet tables with their manifest, as `landscape collect` reads them.

    Tables are copied to the byte as they are stored, unless they are older ones that were brought
    up to date, or published results, which are stored without phases.

    Raises:
        DamagedFileError: if a table does not match its checksum.
    """
    is_as_stored = source.settings is None and source.manifest.version == SCHEMA_VERSION
    contents = _stored(source) if is_as_stored else packed_tables(tables)
    for name, content in contents.items():
        output.write(f"{folder}/{name}", content)


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
    metrics = {
        f"{metric}{suffix}": (metric, part)
        for metric in QUANTITIES
        for part, suffix in PARTS.items()
    }
    meanings = {column.name: column.meaning for column in TABLES["cell_metrics"].columns}
    rows = []
    for _, column, kind, unit, meaning in described_columns(WIDE).iter_rows():
        if column in metrics:
            metric, part = metrics[column]
            meaning = f"{metric}: {meanings[part]}"
            unit = known.get(metric, "") if part in ("mean", "sd") else ""
        if column in wide.columns:
            rows.append((WIDE, column, kind, unit, meaning))
    for name in TABLES:
        rows += [
            (f"{FOLDER}/{name}", *row)
            for _, *row in described_columns(name).iter_rows()
            if row[0] != ORIGIN.name
        ]
    frame = pl.DataFrame(rows, schema=["table", "column", "type", "unit", "meaning"], orient="row")
    text = pl.col("type").str.starts_with("ENUM")
    return frame.with_columns(pl.when(text).then(pl.lit("VARCHAR")).otherwise("type").alias("type"))
