"""Read Parquet files of others: columns of numbers and text, as a CSV file would give them."""

from __future__ import annotations

import io
from typing import Any

import polars as pl

from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.exchange.imports.delimited import MOST_ROWS, Column

MAGIC = b"PAR1"


def is_parquet(content: bytes) -> bool:
    """Whether a file begins like a Parquet file."""
    return content.startswith(MAGIC)


def read_parquet_columns(content: bytes, name: str) -> dict[str, Column]:
    """The columns of a Parquet file by name; the shortest text that gives a number stands for it.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        PublishedError: if it is damaged, or has no rows or too many.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(content), n_rows=MOST_ROWS + 1)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise PublishedError(f"{name} is damaged: it is no whole Parquet file ({error})") from None
    if frame.height > MOST_ROWS:
        raise PublishedError(f"{name} has more than {MOST_ROWS:,} rows")
    if frame.is_empty():
        raise PublishedError(f"{name} has no rows")
    rows = range(1, frame.height + 1)
    return {
        column: Column(name, column, _texts(frame[column], name), rows, "row")
        for column in frame.columns
    }


def _texts(column: pl.Series, name: str) -> tuple[str, ...]:
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise PublishedError(f"{name}: column {shown(column.name)} has neither numbers nor text")
    return tuple(map(_text, column.to_list()))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
