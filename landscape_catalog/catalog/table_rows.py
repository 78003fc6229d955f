"""The rows of a table, turned into data frames while they come."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from landscape_catalog.catalog.tables import TYPES, frame_of
from landscape_catalog.schema.tables import TEXT, Row, Table

AT_ONCE = 20_000  # rows; as mappings they take ten times as much memory as in a frame


class TableRows:
    """Collects the rows of one table.

    Args:
        table: its columns and their order.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows: list[Row] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows; columns that are missing are null."""
        self._rows += rows
        if len(self._rows) >= AT_ONCE:
            self._frames.append(frame_of(self._table, self._rows))
            self._rows = []

    def frame(self, constants: Row) -> pl.DataFrame:
        """All rows in order, with texts that are the same in each of them."""
        rows, self._rows = self._rows, []
        frames, self._frames = [*self._frames, frame_of(self._table, rows)], []
        names = {column.name for column in self._table.columns} & constants.keys()
        whole = frames[0] if len(frames) == 1 else pl.concat(frames).sort(self._table.order)
        return whole.with_columns(
            pl.lit(constants[name], dtype=TYPES[TEXT]).alias(name) for name in names
        )
