"""What tables, views and their columns are, as data."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import polars as pl

from landscape_catalog.catalog.ddl import STORED, catalog_sql, quoted, table_comment
from landscape_catalog.catalog.views import MACROS, VIEWS
from landscape_catalog.errors import QueryError
from landscape_catalog.schema.tables import Column

_SCHEMA = {name: pl.String() for name in ("table", "column", "type", "unit", "meaning")}


def described_tables() -> pl.DataFrame:
    """Every table, view and macro, with what a row of it is."""
    rows = [(name, "table", table_comment(table)) for name, table in STORED.items()]
    rows = [row for row in rows if row[0] not in VIEWS]
    rows += [(view.name, "view", f"One row: {view.row}.") for view in VIEWS.values()]
    rows += [
        (f"{macro.name}({', '.join(macro.parameters)})", "macro", f"One row: {macro.row}.")
        for macro in MACROS.values()
    ]
    return pl.DataFrame(rows, schema=["name", "kind", "meaning"], orient="row")


def described_columns(name: str | None = None) -> pl.DataFrame:
    """Every column of a table, view or macro with its type, unit and meaning.

    Args:
        name: of the table, view or macro; None: all of them.

    Raises:
        QueryError: if there is none of this name.
    """
    known = [*(table for table in STORED if table not in VIEWS), *VIEWS, *MACROS]
    if name is not None and name.lower() not in known:
        raise QueryError(f"there is no table `{name}`; there are {', '.join(known)}")
    wanted = known if name is None else [name.lower()]
    with duckdb.connect() as connection:
        connection.execute(catalog_sql(commented=False))
        rows = [(one, *row) for one in wanted for row in _columns(connection, one)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def comment_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment the views of a catalog and their columns, as its tables are.

    Args:
        connection: to a database in which `catalog_sql` was executed.
    """
    connection.begin()  # hundreds of statements, which take twice as long each on its own
    for name in (*STORED, *VIEWS):
        view = VIEWS.get(name)
        words = f"One row: {view.row}." if view else table_comment(STORED[name])
        connection.execute(f"COMMENT ON VIEW {name} IS {quoted(words)}")
        for column, _, unit, meaning in _columns(connection, name):
            comment = quoted(Column(column, "text", meaning, unit).comment)
            identifier = column.replace('"', '""')
            connection.execute(f'COMMENT ON COLUMN {name}."{identifier}" IS {comment}')
    connection.commit()


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> Iterator[tuple[str, ...]]:
    """Name, type, unit and meaning of each column of a table, view or macro."""
    macro = MACROS.get(name)
    call = f"{name}({', '.join('null' for _ in macro.parameters)})" if macro else name
    relation = connection.sql(f"FROM {call}")
    view = VIEWS.get(name) or macro
    declared = {c.name: c for table in STORED.values() for c in table.columns}
    tables = view.tables if view else (name,)
    declared |= {c.name: c for table in tables for c in STORED[table].columns}
    for column, kind in zip(relation.columns, relation.types):
        said = view.columns.get(column) if view else None
        known = declared.get(column)
        if said is not None:
            yield column, str(kind), "", said
        elif known is not None:
            yield column, str(kind), known.unit, known.meaning
        else:
            yield column, str(kind), "", "part of a metric, see the table cell_metrics"
