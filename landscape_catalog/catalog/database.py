"""The DuckDB catalog: built from the Parquet tables at will, asked read-only."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import polars as pl

from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.parquet import read_fingerprint, read_tables
from landscape_catalog.errors import QueryError, StorageError

# Types that every output format can say; others are printed as DuckDB writes them.
_PLAIN_TYPES = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR"}


def build_database(tables: Path, database: Path) -> None:
    """Make the DuckDB file from verified Parquet tables, replacing the one that is there.

    Raises:
        MissingArtifactError: if there are no tables.
        DamagedFileError: if one does not hold what was written.
        StorageError: if the file cannot be written.
    """
    frames, fingerprint = read_tables(tables), read_fingerprint(tables)
    temporary = database.with_name(f".tmp-{uuid.uuid4().hex}.duckdb")
    log = temporary.with_name(f"{temporary.name}.wal")
    try:
        with duckdb.connect(str(temporary)) as connection:
            connection.execute(catalog_sql())
            for name, frame in frames.items():
                connection.register("frame", frame)
                connection.execute(f"INSERT INTO core.{name} SELECT * FROM frame")
                connection.unregister("frame")
            connection.execute("CREATE TABLE core.build AS SELECT ? AS fingerprint", [fingerprint])
            connection.execute("CHECKPOINT")  # closing would swallow a full disk
        if log.exists() or _fingerprint(temporary) != fingerprint:
            raise StorageError(f"cannot write {database}: it does not read back as written")
        temporary.replace(database)
    except (duckdb.IOException, duckdb.FatalException, OSError) as error:
        raise StorageError(f"cannot write {database}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
        log.unlink(missing_ok=True)


def query(sql: str, *, tables: Path, database: Path, plain: bool = False) -> pl.DataFrame:
    """Ask the catalog one question in DuckDB's SQL; reads only.

    The DuckDB file is made anew where it does not match the Parquet tables.

    Args:
        sql: one statement that returns rows.
        tables: folder of the Parquet tables.
        database: the DuckDB file.
        plain: give columns of other types than numbers, truth values and text as text.

    Raises:
        MissingArtifactError: if there is no catalog yet.
        QueryError: if the SQL is wrong, is not one statement, or would write.
    """
    if read_fingerprint(tables) != _fingerprint(database):
        build_database(tables, database)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET enable_external_access = false")
        try:
            if len(connection.extract_statements(sql)) != 1:
                raise QueryError("ask one question at a time: exactly one SQL statement")
            relation = connection.sql(sql)
            if relation is None:
                raise QueryError("that statement returns no rows; the catalog is read-only")
            return (_as_plain(relation) if plain else relation).pl()
        except duckdb.Error as error:
            raise QueryError(f"{error}") from None


def _as_plain(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    columns = []
    for name, kind in zip(relation.columns, relation.types):
        quoted = '"' + name.replace('"', '""') + '"'
        is_plain = str(kind) in _PLAIN_TYPES
        columns.append(quoted if is_plain else f"CAST({quoted} AS VARCHAR) AS {quoted}")
    return relation.project(", ".join(columns))


def _fingerprint(database: Path) -> str | None:
    """Of the tables that a DuckDB file was made from; None if it is missing or unreadable."""
    if not database.is_file():
        return None
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute("SELECT fingerprint FROM core.build").fetchone()
    except duckdb.Error:  # another version's file, or a damaged one: it is only derived
        return None
    return str(row[0]) if row else None
