"""The DuckDB catalog: built from the Parquet tables at will, asked read-only."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import polars as pl

from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.parquet import MANIFEST, table_path, verify_tables
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.errors import MissingArtifactError, QueryError


def build_database(tables: Path, database: Path) -> None:
    """Make the DuckDB file from verified Parquet tables, replacing the one that is there.

    Raises:
        MissingArtifactError: if there are no tables.
        DamagedFileError: if one does not hold what was written.
    """
    fingerprint = verify_tables(tables)
    temporary = database.with_name(f".tmp-{database.name}")
    temporary.unlink(missing_ok=True)
    with duckdb.connect(str(temporary)) as connection:
        connection.execute(catalog_sql())
        for name in TABLES:
            source = str(table_path(tables, name))
            connection.execute(f"INSERT INTO core.{name} SELECT * FROM read_parquet(?)", [source])
        connection.execute("CREATE TABLE core.build AS SELECT ? AS fingerprint", [fingerprint])
    temporary.replace(database)


def query(sql: str, *, tables: Path, database: Path) -> pl.DataFrame:
    """Ask the catalog one question in DuckDB's SQL; reads only.

    The DuckDB file is made anew where it does not match the Parquet tables.

    Raises:
        MissingArtifactError: if there is no catalog yet.
        QueryError: if the SQL is wrong, or would write.
    """
    if not (tables / MANIFEST).is_file():
        raise MissingArtifactError("there is no catalog yet (data/catalog): run `dvc repro` first")
    if not _is_current(tables, database):
        build_database(tables, database)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET enable_external_access = false")
        try:
            relation = connection.sql(sql)
            if relation is None:
                raise QueryError("that statement returns no rows; the catalog is read-only")
            return relation.pl()
        except duckdb.Error as error:
            raise QueryError(f"{error}") from None


def _is_current(tables: Path, database: Path) -> bool:
    if not database.is_file():
        return False
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute("SELECT fingerprint FROM core.build").fetchone()
    except duckdb.Error:  # another version's file, or a damaged one: it is only derived
        return False
    expected = json.loads((tables / MANIFEST).read_text(encoding="utf-8"))["fingerprint"]
    return row is not None and row[0] == expected
