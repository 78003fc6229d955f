"""What tables, views and their columns are, as data."""

from __future__ import annotations

import duckdb
import polars as pl

from landscape_catalog.catalog.ddl import STORED, catalog_sql, table_comment
from landscape_catalog.catalog.views import MACROS, VIEWS
from landscape_catalog.errors import QueryError

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
        connection.execute(catalog_sql())
        rows = [row for one in wanted for row in _columns(connection, one)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, ...]]:
    macro = MACROS.get(name)
    call = f"{name}({', '.join('null' for _ in macro.parameters)})" if macro else name
    relation = connection.sql(f"FROM {call}")
    view = VIEWS.get(name) or macro
    units = {c.name: c for table in STORED.values() for c in table.columns}
    own = {c.name: c for c in STORED[name].columns} if name in STORED else {}
    rows: list[tuple[str, ...]] = []
    for column, kind in zip(relation.columns, relation.types):
        declared = own.get(column) or units.get(column)
        said = view.columns.get(column) if view else None
        unit = declared.unit if declared and not said else ""
        meaning = said or (declared.meaning if declared else "")
        rows.append((name, column, str(kind), unit, meaning))
    return rows
