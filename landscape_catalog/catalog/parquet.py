"""The catalog's canonical form: sorted Parquet tables with a manifest of their hashes.

Unlike a DuckDB file, whose bytes differ with every build, these files are reproducible.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog.tables import TABLES, TYPES
from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.regular import read_regular

MANIFEST = "manifest.json"


def table_path(folder: Path, name: str) -> Path:
    """Path of a table's Parquet file."""
    return folder / f"{name}.parquet"


def packed_tables(tables: dict[str, pl.DataFrame]) -> dict[str, bytes]:
    """Contents of every file of the catalog's folder: the tables and their manifest."""
    files = {}
    for name in TABLES:
        buffer = io.BytesIO()
        tables[name].write_parquet(buffer, compression="zstd", statistics=True)
        files[f"{name}.parquet"] = buffer.getvalue()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"fingerprint": fingerprint_of(hashes), "sha256": hashes}
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    return files


def read_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Read every table and verify it against the manifest.

    Raises:
        MissingArtifactError: if there is no catalog, or one of another version of the package.
        DamagedFileError: if a file's checksum does not match.
    """
    hashes = _read_manifest(folder)["sha256"]
    frames = {}
    for name in TABLES:
        path = table_path(folder, name)
        if path.name not in hashes:
            raise _of_another_version(folder, f"it has no table `{name}`")
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != hashes[path.name]:
            raise DamagedFileError(f"{path} is damaged; `dvc repro` rebuilds it")
        try:
            frames[name] = pl.read_parquet(io.BytesIO(content))
        except pl.exceptions.PolarsError as error:
            raise DamagedFileError(f"{path} is damaged; `dvc repro` rebuilds it") from error
        _check_schema(folder, name, frames[name])
    return frames


def _check_schema(folder: Path, name: str, frame: pl.DataFrame) -> None:
    """Require the columns of `TABLES`, in their order."""
    expected = {column: TYPES[kind] for column, kind, _ in TABLES[name].columns}
    found = dict(frame.schema)
    for column in [*expected, *found]:
        if column not in found:
            raise _of_another_version(folder, f"table `{name}` has no column `{column}`")
        if column not in expected or found[column] != expected[column]:
            kind = found[column]
            raise _of_another_version(folder, f"`{column}` in table `{name}` is {kind}")
    if list(found) != list(expected):
        raise _of_another_version(folder, f"table `{name}` has another order of columns")


def _of_another_version(folder: Path, how: str) -> MissingArtifactError:
    return MissingArtifactError(
        f"the catalog in {folder} was written by another version of landscape_catalog: {how}. "
        f"`dvc repro` or `landscape aggregate` rebuilds it"
    )


def read_fingerprint(folder: Path) -> str:
    """A single hash over all tables, from the manifest; raises the same errors as `read_tables`."""
    return str(_read_manifest(folder)["fingerprint"])


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(read_regular(path).decode())
        sound = manifest["fingerprint"] == fingerprint_of(manifest["sha256"])
    except FileNotFoundError:
        raise MissingArtifactError(
            "there is no catalog yet (data/catalog): run `dvc repro` or `landscape aggregate` first"
        ) from None
        sound = sound and all(isinstance(name, str) for name in manifest["sha256"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise DamagedFileError(f"{path} is damaged; `dvc repro` rebuilds it")
    return manifest


def fingerprint_of(hashes: dict[str, str]) -> str:
    """A single hash over the hashes of all tables' files."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
