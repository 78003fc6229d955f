"""`catalog.duckdb`: the catalog as a file for other DuckDB clients; nothing here reads from it.

It is replaced only if it still is the file that was written here. Otherwise it may hold somebody's
work, and is kept.
"""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import polars as pl

from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.description import comment_views
from landscape_catalog.catalog.origins import Loaded, loaded_lazily
from landscape_catalog.catalog.sources import current_source
from landscape_catalog.catalog.tables import ENUMERATIONS, TABLES
from landscape_catalog.errors import DamagedFileError, StorageError
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import (
    explained_storage,
    file_sha256,
    free_backup_name,
    write_file,
)
from landscape_catalog.store.notes import read_note

log = logging.getLogger(__name__)

MEMORY = "1GB"  # of DuckDB while it builds a file; it does not become faster with more


@dataclass(frozen=True)
class _Written:
    """Note of the file as it was written here."""

    sha256: str


def create_catalog(
    connection: duckdb.DuckDBPyConnection, loaded: Loaded, *, commented: bool = True
) -> None:
    """Create the catalog's tables, views and macros in an empty database, and fill the tables.

    Args:
        connection: to the database.
        loaded: what the tables hold.
        commented: whether tables and columns have comments.
    """
    connection.execute(schema_sql(loaded, commented=commented))
    for name in loaded.frames:
        for part in loaded.parts(name):
            _insert(connection, name, part)
    _insert(connection, "sources", loaded.sources)


def schema_sql(loaded: Loaded, *, commented: bool = True) -> str:
    """The DuckDB statements that create an empty catalog for these tables; see `catalog_sql`."""
    return catalog_sql(_further_values(loaded), _further_metrics(loaded), commented=commented)


def _further_metrics(loaded: Loaded) -> list[str]:
    """Metrics of cells that are in the data and are not declared."""
    metrics: set[str] = set()
    for frame in loaded.frames.get("cell_metrics", {}).values():
        primary = frame.lazy().filter(pl.col("probe") == PRIMARY)
        metrics |= set(primary.select(pl.col("metric").unique()).collect()["metric"])
    return sorted(metrics - QUANTITIES.keys())


def _insert(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    connection.register("frame", frame)
    try:
        connection.execute(f"INSERT INTO core.{name} SELECT * FROM frame")
    except duckdb.ConstraintException as error:
        reason = str(error).removeprefix("Constraint Error: ")
        raise DamagedFileError(f"table `{name}` has rows that break its key: {reason}") from None
    connection.unregister("frame")


def _further_values(loaded: Loaded) -> dict[str, list[str]]:
    """Values of enumerations that are in the data and are not declared."""
    found: dict[str, dict[str, None]] = {}
    for name, by_origin in loaded.frames.items():
        for column, enumeration in TABLES[name].enumerations.items():
            distinct = pl.col(column).drop_nulls().unique().sort()
            for frame in by_origin.values():
                values = frame.lazy().select(distinct).collect()[column].to_list()
                found.setdefault(enumeration, {}).update(dict.fromkeys(values))
    return {
        name: [value for value in values if value not in ENUMERATIONS[name]]
        for name, values in found.items()
    }


def build_database(tables: Path, database: Path, note: Path) -> None:
    """Build the DuckDB file from verified Parquet tables.

    An existing file is replaced if it is as it was written here. If another program changed it, it
    is kept under another name, and if one holds it open for writing, nothing is built; both are
    logged.

    Args:
        tables: folder of the Parquet tables.
        database: the DuckDB file.
        note: file that says what was written, so that changes are noticed.

    Raises:
        MissingArtifactError: if there are no tables.
        DamagedFileError: if a table's checksum does not match.
        StorageError: if the file cannot be written.
    """
    if _is_held(database):
        log.warning(
            "%s is open in another program and was left as it is; close it there, and `landscape "
            "aggregate` brings it up to date",
            database,
        )
        return
    current = current_source(tables)
    loaded, fingerprint = loaded_lazily(current), current.manifest.fingerprint
    temporary = database.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}.duckdb")
    try:
        with duckdb.connect(str(temporary)) as connection:
            connection.execute(f"SET memory_limit = '{MEMORY}'")
            create_catalog(connection, loaded)
            comment_views(connection)
            connection.execute("CREATE TABLE core.build AS SELECT ? AS fingerprint", [fingerprint])
            connection.execute("CHECKPOINT")  # raises if the disk is full; closing would not
        if _log_of(temporary).exists() or _fingerprint(temporary) != fingerprint:
            raise StorageError(f"cannot write {database}: it does not read back as written")
        written = _Written(file_sha256(temporary))
        with explained_storage(database):
            _set_aside_unless_ours(database, note)
            temporary.replace(database)
    except (duckdb.Error, OSError) as error:
        raise StorageError(f"cannot write {database}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
        _log_of(temporary).unlink(missing_ok=True)
    write_file(note, strict_json(asdict(written)).encode())


def _set_aside_unless_ours(database: Path, note: Path) -> None:
    """Rename a file that is not as it was written here, with its write-ahead log."""
    last: _Written | None = read_note(note, _Written)
    write_ahead = _log_of(database)
    if database.is_file() and not database.is_symlink() and not write_ahead.exists():
        if last is not None and file_sha256(database) == last.sha256:
            return
    elif not os.path.lexists(database) and not write_ahead.exists():
        return
    kept = free_backup_name(database)
    for path, new in ((database, kept), (write_ahead, _log_of(kept))):
        if os.path.lexists(path):
            path.rename(new)
    log.warning(
        "%s is not as `landscape aggregate` left it, so it is kept as %s and written anew",
        database,
        kept.name,
    )


def _log_of(database: Path) -> Path:
    """The write-ahead log that DuckDB keeps next to a database."""
    return database.with_name(f"{database.name}.wal")


def _is_held(database: Path) -> bool:
    """Whether a program has opened the database for writing."""
    if not database.is_file():
        return False
    try:
        duckdb.connect(str(database), read_only=True).close()
    except (duckdb.IOException, duckdb.ConnectionException) as error:
        words = str(error).lower()
        return "lock" in words or "different configuration" in words
    except duckdb.Error:  # no database, or one of another version of DuckDB
        return False
    return False


def _fingerprint(database: Path) -> str | None:
    """Fingerprint of the tables a DuckDB file was built from; None if it cannot be read."""
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute("SELECT fingerprint FROM core.build").fetchone()
    except duckdb.Error:
        return None
    return str(row[0]) if row else None
