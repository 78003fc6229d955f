"""The DuckDB catalog: rebuilt from the Parquet tables whenever needed, queried read-only."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import polars as pl

from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.parquet import read_fingerprint, read_tables
from landscape_catalog.errors import QueryError, StorageError

# Types that every output format can represent; values of other types are cast to text.
_PLAIN_TYPES = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR"}


def build_database(tables: Path, database: Path) -> None:
    """Build the DuckDB file from verified Parquet tables, replacing any existing one.

    Raises:
        MissingArtifactError: if there are no tables.
        DamagedFileError: if a table's checksum does not match.
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
            connection.execute("CHECKPOINT")  # raises if the disk is full; closing would not
        if log.exists() or _fingerprint(temporary) != fingerprint:
            raise StorageError(f"cannot write {database}: it does not read back as written")
        temporary.replace(database)
    except (duckdb.IOException, duckdb.FatalException, OSError) as error:
        raise StorageError(f"cannot write {database}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
        log.unlink(missing_ok=True)


def query(sql: str, *, tables: Path, database: Path, plain: bool = False) -> pl.DataFrame:
    """Run a single read-only SQL query (in DuckDB's dialect) on the catalog.

    The DuckDB file is rebuilt first if it does not match the Parquet tables.

    Args:
        sql: one statement that returns rows.
        tables: folder of the Parquet tables.
        database: the DuckDB file.
        plain: cast columns that are neither numbers, booleans nor text to text.

    Raises:
        MissingArtifactError: if there is no catalog yet.
        QueryError: if the SQL is invalid, is not exactly one statement, or would write.
    """
    if read_fingerprint(tables) != _fingerprint(database):
        build_database(tables, database)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET enable_external_access = false")
        try:
            if len(connection.extract_statements(sql)) != 1:
                raise QueryError("a query must be exactly one SQL statement")
            relation = connection.sql(sql)
            if relation is None:
                raise QueryError("this statement is not a query; the catalog is read-only")
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
    """Fingerprint of the tables a DuckDB file was built from; None if missing or unreadable."""
    if not database.is_file():
        return None
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute("SELECT fingerprint FROM core.build").fetchone()
    except duckdb.Error:  # written by another DuckDB version, or damaged; it can be rebuilt
        return None
    return str(row[0]) if row else None
