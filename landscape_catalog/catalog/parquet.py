"""The catalog's canonical form: sorted Parquet tables with a manifest of their hashes.

Unlike a DuckDB file, whose bytes differ with every build, these files are reproducible.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.catalog.versions import (
    SCHEMA_VERSION,
    brought_up_to_date,
    has_table,
    schema_of,
)
from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.regular import read_regular
from landscape_catalog.store.files import file_sha256

MANIFEST = "manifest.json"
REBUILT = "`dvc repro` rebuilds it"


def table_path(folder: Path, name: str) -> Path:
    """Path of a table's Parquet file."""
    return folder / f"{name}.parquet"


def packed_tables(tables: dict[str, pl.DataFrame]) -> dict[str, bytes]:
    """Contents of every file of the catalog's folder: the tables and their manifest."""
    files = {f"{name}.parquet": packed_table(tables[name]) for name in TABLES}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, MANIFEST: manifest_text(hashes)}


def packed_table(table: pl.DataFrame) -> bytes:
    """A table as the content of its Parquet file."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()


def manifest_text(hashes: dict[str, str]) -> bytes:
    """The content of the manifest, given the SHA-256 of each table's file by its name."""
    manifest = {"fingerprint": fingerprint_of(hashes), "schema": SCHEMA_VERSION, "sha256": hashes}
    return (json.dumps(manifest, indent=1) + "\n").encode()


@dataclass(frozen=True)
class Manifest:
    """What a catalog's folder says of its files.

    Attributes:
        fingerprint: a hash over all tables.
        version: of the schema of the tables.
        hashes: the SHA-256 of each table's file, by its name.
    """

    fingerprint: str
    version: int
    hashes: Mapping[str, str]


def read_tables(
    folder: Path, names: Iterable[str] | None = None, remedy: str = REBUILT
) -> dict[str, pl.DataFrame]:
    """Read tables, verify them against the manifest, and bring older ones up to date.

    Args:
        folder: of the Parquet files.
        names: of the tables; None: all.
        remedy: what an error says to do about it.

    Raises:
        MissingArtifactError: if there is no catalog, or one whose schema is not known here.
        DamagedFileError: if a file's checksum does not match.
    """
    manifest = read_manifest(folder, remedy)
    wanted = TABLES if names is None else [name for name in TABLES if name in set(names)]
    return {name: _read_table(folder, name, manifest, remedy) for name in wanted}


def _read_table(folder: Path, name: str, manifest: Manifest, remedy: str) -> pl.DataFrame:
    path, version = table_path(folder, name), manifest.version
    if path.name not in manifest.hashes:
        if has_table(name, version):
            raise _of_another_version(folder, f"it has no table `{name}`", remedy)
        return brought_up_to_date(name, None, version)
    try:
        content = read_regular(path)
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != manifest.hashes[path.name]:
        raise DamagedFileError(f"{path} is damaged; {remedy}")
    try:
        frame = brought_up_to_date(name, _frame_in(content), version)
    except (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise DamagedFileError(f"{path} is damaged; {remedy}") from error
    _check_schema(folder, name, frame.schema, remedy)
    return frame


def scan_table(folder: Path, name: str, remedy: str = REBUILT) -> pl.LazyFrame:
    """A table as a lazy frame on its verified file, of which a query reads only what it needs.

    Tables of an earlier schema are read at once. Raises the errors of `read_tables`.

    Args:
        folder: of the Parquet files.
        name: of the table.
        remedy: what an error says to do about it.
    """
    manifest, path = read_manifest(folder, remedy), table_path(folder, name)
    if manifest.version != SCHEMA_VERSION or path.name not in manifest.hashes:
        return _read_table(folder, name, manifest, remedy).lazy()
    try:
        is_sound = file_sha256(path) == manifest.hashes[path.name]
    except OSError:
        is_sound = False
    if not is_sound:
        raise DamagedFileError(f"{path} is damaged; {remedy}")
    frame = pl.scan_parquet(path)
    _check_schema(folder, name, frame.collect_schema(), remedy)
    return frame


def _frame_in(content: bytes) -> pl.DataFrame:
    """The rows of a Parquet file, read by Arrow: some damaged files end a process in Polars."""
    frame = pl.from_arrow(pq.read_table(io.BytesIO(content)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _check_schema(folder: Path, name: str, schema: Mapping[str, Any], remedy: str) -> None:
    """Require the columns of `TABLES`, in their order."""
    expected, found = schema_of(TABLES[name]), dict(schema)
    for column in [*expected, *found]:
        if column not in found:
            how = f"table `{name}` has no column `{column}`"
            raise _of_another_version(folder, how, remedy)
        if column not in expected or found[column] != expected[column]:
            how = f"`{column}` in table `{name}` is {found[column]}"
            raise _of_another_version(folder, how, remedy)
    if list(found) != list(expected):
        how = f"table `{name}` has another order of columns"
        raise _of_another_version(folder, how, remedy)


def _of_another_version(folder: Path, how: str, remedy: str) -> MissingArtifactError:
    return MissingArtifactError(
        f"the catalog in {folder} was written by another version of landscape_catalog: {how}; "
        f"{remedy}"
    )


def read_fingerprint(folder: Path) -> str:
    """A single hash over all tables, from the manifest; raises the same errors as `read_tables`."""
    return read_manifest(folder).fingerprint


def read_manifest(folder: Path, remedy: str = REBUILT) -> Manifest:
    """What a catalog's folder says of its files; no table is read.

    Raises:
        MissingArtifactError: if there is no catalog, or one of a newer schema.
        DamagedFileError: if the manifest is damaged.
    """
    path = folder / MANIFEST
    try:
        manifest = manifest_of(read_regular(path))
    except FileNotFoundError:
        raise MissingArtifactError(
            f"there is no catalog yet ({folder.parent.name}/{folder.name}): run `dvc repro` or "
            "`landscape aggregate` first"
        ) from None
    except (OSError, ValueError):
        raise DamagedFileError(f"{path} is damaged; {remedy}") from None
    if manifest.version > SCHEMA_VERSION:
        raise MissingArtifactError(
            f"the catalog in {folder} was written by a newer version of landscape_catalog: its "
            f"tables have schema {manifest.version}, and this version knows those up to "
            f"{SCHEMA_VERSION}. Install a newer one"
        )
    return manifest


def manifest_of(content: bytes) -> Manifest:
    """The manifest in a file's content.

    Raises:
        ValueError: if it is none.
    """
    try:
        found = json.loads(content.decode())
        hashes, version = found["sha256"], found.get("schema", 0)
        sound = (
            found["fingerprint"] == fingerprint_of(hashes)
            and all(isinstance(value, str) for value in hashes.values())
            and isinstance(version, int)
            and version >= 0
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise ValueError("no manifest of a catalog")
    return Manifest(found["fingerprint"], int(version), hashes)


def fingerprint_of(hashes: dict[str, str]) -> str:
    """A single hash over the hashes of all tables' files."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
