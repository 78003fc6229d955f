"""SQL queries on the catalog: an in-memory DuckDB holds the verified Parquet tables it asks for.

The file `catalog.duckdb` has no part in it, so what another program does to that file does not
change an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import polars as pl
import pyarrow as pa

from landscape_catalog.catalog.database import create_catalog
from landscape_catalog.catalog.limits import Limits, run_within
from landscape_catalog.catalog.origins import load
from landscape_catalog.catalog.sources import Source
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.catalog.views import MACROS, VIEWS
from landscape_catalog.errors import QueryError

_NO_LIMITS = Limits()
# Types that every output format can represent; values of other types are cast to text.
_PLAIN_TYPES = {
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR",
}  # fmt: skip
# PIVOT is a statement of several, which create a type and ask for the rows.
_QUERIES = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}
# Words with which a query can read tables that it does not name.
_ANY_TABLE = {"query", "query_table", "show", "information_schema", "sqlite_master", "summarize"}
# What clients of other databases ask to see which tables and columns there are.
_LISTING = re.compile(r"\s*(\.\w|\\d|pragma\b|show\b|help\b)", re.IGNORECASE)
_LISTING_HINT = "`SHOW TABLES` lists the tables, and `DESCRIBE cells` the columns of one"
_SAFE = (
    "SET temp_directory = ''",  # otherwise a folder in the current one
    "SET python_enable_replacements = false",  # variables of this process are no tables
    "SET allow_community_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
)


def query(
    sql: str, *, sources: Sequence[Source], plain: bool = False, limits: Limits = _NO_LIMITS
) -> pl.DataFrame:
    """Run a single SQL query (in DuckDB's dialect) on the catalog.

    It sees the tables and nothing else: no file, no setting, no variable of this process.

    Args:
        sql: one statement that returns rows.
        sources: whose tables are asked, in the order of precedence.
        plain: cast columns that are neither numbers, booleans nor text to text.
        limits: of time and memory.

    Returns:
        The columns in the order of the query. A name that occurs again gets a number: `SELECT
        a.mean, b.mean` has the columns `mean` and `mean_1`.

    Raises:
        MissingArtifactError: if there is no catalog yet.
        DamagedFileError: if a table does not match its checksum.
        SpecError: if the settings of an import are invalid.
        QueryError: if the SQL is invalid, is not exactly one query, or exceeds a limit.
    """
    require_text(sql)
    asked = tables_of(sql)
    loaded = load(sources, asked)
    connection = duckdb.connect(":memory:")

    def work() -> pl.DataFrame:
        # Who asks for tables by name sees no comments, which only functions such as
        # `duckdb_columns` show.
        create_catalog(connection, loaded, commented=asked is None)
        for statement in _SAFE:
            connection.execute(statement)
        if limits.n_bytes is not None:
            connection.execute(f"SET memory_limit = '{limits.n_bytes} bytes'")
        connection.execute("SET lock_configuration = true")
        return _answer(connection, sql, plain)

    try:
        return run_within(limits, work, connection.interrupt)
    except duckdb.OutOfMemoryException:
        raise limits.out_of_memory() from None
    except (duckdb.Error, OSError, RuntimeError) as error:  # pyarrow passes DuckDB's on as OSError
        if "Out of Memory Error" in str(error):
            raise limits.out_of_memory() from None
        hint = f"\n{_LISTING_HINT}" if _LISTING.match(sql) else ""
        raise QueryError(f"{error}{hint}") from None
    except (pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise QueryError(f"a column has no counterpart here; cast it to text: {error}") from None


def tables_of(sql: str) -> set[str] | None:
    """The stored tables that a query may read, by the words in it; None: it may be any.

    >>> sorted(tables_of("SELECT width FROM Cells"))
    ['cell_metrics', 'cells', 'experiments', 'landscapes', 'phases']
    """
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    asked = {name: view.tables for name, view in (VIEWS | MACROS).items()}
    asked |= {name: (name,) for name in TABLES if name not in asked} | {"sources": ()}
    found = words & asked.keys()
    if not found or words & _ANY_TABLE or any(word.startswith("duckdb_") for word in words):
        return None
    if "core" in words:
        return {table for name in found for table in (*asked[name], name) if table in TABLES}
    return {table for name in found for table in asked[name]}


def require_text(sql: str) -> None:
    """Require what DuckDB can parse: Unicode text without null characters."""
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        where = f"character {error.start + 1}"
        raise QueryError(f"the query is not UTF-8 text ({where} is no character)") from None
    if "\0" in sql:
        raise QueryError(f"the query has a null character, at {sql.index(chr(0)) + 1}")


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, plain: bool) -> pl.DataFrame:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(
            f"a query must be exactly one SQL statement, and these are {len(statements)}"
        )
    relation = connection.sql(_without_end(sql)) if _is_query(statements[0]) else None
    if relation is None:
        raise QueryError(
            "this statement is not a query; the catalog is read-only, and has no settings. "
            f"{_LISTING_HINT}"
        )
    names = distinct(relation.columns)
    reader = (_as_plain(relation) if plain else relation).to_arrow_reader()
    table = pa.Table.from_batches(list(reader), schema=reader.schema)
    frame = pl.from_arrow(table.rename_columns(names))
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def _is_query(statement: duckdb.Statement) -> bool:
    try:
        return statement.type in _QUERIES
    except ValueError:  # a kind that the Python package of DuckDB does not list: UPDATE EXTENSIONS
        return False


def _without_end(sql: str) -> str:
    """A statement without its final semicolons and what comments follow: it can be a subquery."""
    content, end = sql.encode(), None
    for offset, kind in reversed(duckdb.tokenize(sql)):
        if kind != duckdb.token_type.comment:
            if content[offset : offset + 1] != b";":
                break
            end = offset
    return content[:end].decode() + "\n"  # which ends a comment


def _as_plain(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The relation with columns of other types than the plain ones as text, by position."""
    columns = [
        f"#{i}" if str(kind) in _PLAIN_TYPES else f"CAST(#{i} AS VARCHAR)"
        for i, kind in enumerate(relation.types, start=1)
    ]
    return relation.project(", ".join(columns))


def distinct(names: Sequence[str]) -> list[str]:
    """Names in which none occurs twice: a repeated one gets the first number that is free.

    >>> distinct(["mean", "mean", "mean_1", "mean"])
    ['mean', 'mean_2', 'mean_1', 'mean_3']
    """
    taken, found = set(names), []
    for name in names:
        number, new = 0, name
        while new in found or (number and new in taken):
            number += 1
            new = f"{name}_{number}"
        found.append(new)
    return found
