"""The rows of a table, turned into data frames while they come, and kept on disk if many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from landscape_catalog.catalog.tables import TYPES, frame_of
from landscape_catalog.schema.tables import TEXT, Row, Table
from landscape_catalog.store.files import explained_storage

AT_ONCE = 20_000  # rows; as mappings they take ten times as much memory as in a frame
IN_MEMORY = 500_000  # rows of a table, about 60 MB; more are kept on disk
CONSTANT = {"experiment_id", "classification_id"}  # the same in all rows of a catalog


class TableRows:
    """Collects the rows of one table, and returns them in order.

    Rows that are kept on disk are divided by the first character of what they are ordered by, an
    id, so that each division fits into memory and can be sorted by itself.

    Args:
        name: of the table.
        table: its columns and their order.
        folder: where rows are kept that are too many for the memory; None: nowhere.
    """

    def __init__(self, name: str, table: Table, folder: Path | None = None) -> None:
        self._name, self._table, self._folder = name, table, folder
        self._rows: list[Row] = []
        self._frames: list[pl.DataFrame] = []
        self._files: dict[str, list[Path]] = {}
        self._constants: Row = {}
        kinds = {column.name: column.kind for column in table.columns}
        self._divided_by = next((one for one in table.order if one not in CONSTANT), "")
        self._is_divisible = kinds.get(self._divided_by) == TEXT

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows; columns that are missing are null."""
        self._rows += rows
        if len(self._rows) >= AT_ONCE:
            self._flush()
            if self._folder is not None and self._is_divisible and self._height >= IN_MEMORY:
                self._keep_on_disk(self._folder)

    def fill(self, constants: Row) -> None:
        """Fill in texts that are the same in all rows, when all rows have been added."""
        names = {column.name for column in self._table.columns}
        self._constants = {name: text for name, text in constants.items() if name in names}
        self._flush()
        if self._files and self._folder is not None:
            self._keep_on_disk(self._folder)
        elif len(self._frames) > 1:
            self._frames = [pl.concat(self._frames).sort(self._table.order)]

    def parts(self) -> Iterator[pl.DataFrame]:
        """All rows in order, in parts that fit into memory; a single one if they all do."""
        if not self._files:
            yield self._filled(self._frames[0])
        for _, files in sorted(self._files.items()):
            yield self._filled(pl.read_parquet(files).sort(self._table.order))

    def frame(self) -> pl.DataFrame:
        """All rows in order."""
        return pl.concat(self.parts())

    @property
    def _height(self) -> int:
        return sum(frame.height for frame in self._frames)

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows or not (self._frames or self._files):
            self._frames.append(frame_of(self._table, rows))

    def _keep_on_disk(self, folder: Path) -> None:
        frames, self._frames = self._frames, []
        if not frames:
            return
        first = pl.col(self._divided_by).str.head(1).alias("first")
        divided = pl.concat(frames).with_columns(first).partition_by("first", as_dict=True)
        for (character,), part in divided.items():
            files = self._files.setdefault(str(character), [])
            files.append(folder / f"{self._name}-{ord(str(character)):x}-{len(files)}.parquet")
            with explained_storage(files[-1]):
                part.drop("first").write_parquet(files[-1], compression="lz4")

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.lit(text, dtype=TYPES[TEXT]).alias(name) for name, text in self._constants.items()
        )
