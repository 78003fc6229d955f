"""Writes the Parquet tables of a catalog, also those that do not fit into memory."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from landscape_catalog.catalog.parquet import MANIFEST, manifest_text, packed_table, table_path
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.store.files import (
    ensure_folder,
    file_sha256,
    prune,
    write_file,
    written_file,
)

ROW_GROUP = 2**18  # rows


def write_catalog(tables: Mapping[str, Iterable[pl.DataFrame]], folder: Path) -> None:
    """Write tables and their manifest, removing everything else from the folder.

    Args:
        tables: each in one part, or in several if it is large, with all rows in order.
        folder: of the catalog.

    Raises:
        StorageError: if a file cannot be written.
    """
    ensure_folder(folder)
    names = {MANIFEST, *(table_path(folder, name).name for name in TABLES)}
    prune(folder, {name for name in names if (folder / name).is_file()})
    hashes = {}
    for name in TABLES:
        path = table_path(folder, name)
        hashes[path.name] = _write_table(iter(tables[name]), path)
    write_file(folder / MANIFEST, manifest_text(hashes))


def _write_table(parts: Iterator[pl.DataFrame], path: Path) -> str:
    """Write a table; returns the SHA-256 of its file."""
    first, second = next(parts), next(parts, None)
    if second is None:
        content = packed_table(first)
        write_file(path, content)
        return hashlib.sha256(content).hexdigest()
    schema = first.to_arrow().schema
    with (
        written_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for part in itertools.chain([first, second], parts):
            writer.write_table(part.to_arrow().cast(schema), row_group_size=ROW_GROUP)
    return file_sha256(path)
