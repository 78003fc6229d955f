"""The catalog's SQL schema: enumerations, tables with keys and comments, views and macros."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from landscape_catalog.catalog.tables import ENUMERATIONS, ORIGIN, SOURCES, TABLES
from landscape_catalog.catalog.views import MACROS, VIEWS, cells_view
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.schema.tables import Table

SQL_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "real": "DOUBLE", "boolean": "BOOLEAN"}
_HEAD = """\
-- The catalog. The schema `core` holds the tables of data/catalog/*.parquet, each with a last
-- column `origin`, and the table `sources`, which describes the origins. Query the views in `main`:
-- `cells` has one wide row per cell; `best_per_load`, `double_descent` and the macro
-- `experiment_diff(a, b)` answer questions; the others mirror the tables.
"""
STORED: Mapping[str, Table] = {
    name: Table(
        table.row,
        (*table.columns, ORIGIN),
        table.order,
        ("origin", *table.unique),
        table.indexed,
        table.enumerations,
    )
    for name, table in TABLES.items()
} | {"sources": SOURCES}
"""The tables of the schema `core`."""


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _create_enumerations(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, declared in ENUMERATIONS.items():
        values = dict.fromkeys((*declared, *found.get(name, ())))
        yield f"CREATE TYPE core.{name} AS ENUM ({', '.join(map(quoted, values))});\n"


def _create_table(name: str, table: Table) -> str:
    lines = []
    for column in table.columns:
        enumeration = table.enumerations.get(column.name)
        kind = f"core.{enumeration}" if enumeration else SQL_TYPES[column.kind]
        lines.append((f"    {column.name} {kind}", column.comment))
    key = f"PRIMARY KEY ({', '.join(table.unique)})" if table.indexed else ""
    if key:
        lines.append((f"    {key}", ""))
    last = len(lines) - 1
    words = [
        f"{line}{',' if i < last else ''}{f'  -- {comment}' if comment else ''}"
        for i, (line, comment) in enumerate(lines)
    ]
    body = "\n".join(words)
    return f"-- {table_comment(table)}\nCREATE TABLE core.{name} (\n{body}\n);\n"


def table_comment(table: Table) -> str:
    """What a row is, and the table's key."""
    return f"One row: {table.row}. Key: {', '.join(table.unique)}."


def _comments(name: str, table: Table) -> str:
    lines = [f"COMMENT ON TABLE core.{name} IS {quoted(table_comment(table))};"]
    lines += [
        f"COMMENT ON COLUMN core.{name}.{column.name} IS {quoted(column.comment)};"
        for column in table.columns
    ]
    return "\n".join(lines) + "\n"


def catalog_sql(
    found: Mapping[str, Sequence[str]] | None = None,
    metrics: Sequence[str] = (),
    *,
    commented: bool = True,
) -> str:
    """The DuckDB statements that create an empty catalog.

    Args:
        found: values of enumerations that occur in the data, besides the declared ones, such as the
            phases of a rule that another version of the package has.
        metrics: those that occur in the data, besides the declared ones, such as custom metrics and
            those of imports: the wide view has columns for them too.
        commented: whether tables and columns have comments, which take as long as all the rest.
    """
    mirrored = [name for name in STORED if name not in VIEWS]
    views = VIEWS | {"cells": cells_view((*QUANTITIES, *metrics))}
    return "\n".join(
        [
            _HEAD + "CREATE SCHEMA core;\n",
            *_create_enumerations(found or {}),
            *(_create_table(name, table) for name, table in STORED.items()),
            *(_comments(name, table) for name, table in STORED.items() if commented),
            *(f"CREATE VIEW {name} AS SELECT * FROM core.{name};\n" for name in mirrored),
            *(view.sql for view in views.values()),
            *(macro.sql for macro in MACROS.values()),
        ]
    )
