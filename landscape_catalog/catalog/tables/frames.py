"""Rows as data frames with exactly the columns of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from landscape_catalog.metrics.estimate import NAN, not_finite
from landscape_catalog.schema.tables import REAL, TEXT, Column, Row, Table

TYPES: dict[str, Any] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "real": pl.Float64(),
    "boolean": pl.Boolean(),
}
# The last column of tables of measured numbers that have no status for each of them.
NOT_FINITE: Column = Column(
    "not_finite",
    TEXT,
    "which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`",
)
# Errors and spreads are NaN where they are not known, such as those of a single value.
_UNKNOWN_IF_NAN = ("standard_error", "_sd", "_residual", "mode_connectivity_error")


def frame_of(table: Table, rows: list[Row]) -> pl.DataFrame:
    """Rows as a sorted data frame with exactly the table's columns.

    NaN and infinities become null; the column `not_finite`, where there is one, says which was
    which.
    """
    schema = {column.name: TYPES[column.kind] for column in table.columns}
    if NOT_FINITE in table.columns:
        numbers = [column.name for column in table.columns if column.kind == REAL]
        rows = [{**row, NOT_FINITE.name: _named_values(row, numbers)} for row in rows]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    reals = pl.col(pl.Float64)
    return frame.with_columns(pl.when(reals.is_finite()).then(reals)).sort(table.order)


def _named_values(row: Row, columns: list[str]) -> str | None:
    """The columns of a row that are not finite, each with its value; None if there is none."""
    found = []
    for column in columns:
        value = row.get(column)
        word = None if value is None else not_finite(value)
        if word is not None and not (word == NAN and column.endswith(_UNKNOWN_IF_NAN)):
            found.append(f"{column}: {word}")
    return ", ".join(found) or None


def with_not_finite(table: Table) -> Table:
    """The table of measured numbers with a last column for those that are not finite."""
    return replace(table, columns=(*table.columns, NOT_FINITE))
