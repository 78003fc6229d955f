"""The catalog's canonical form: ordered Parquet tables with a manifest of their hashes.

A DuckDB file differs in its bytes every time it is built; these do not.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import polars as pl

from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.errors import DamagedFileError, MissingArtifactError

MANIFEST = "manifest.json"


def table_path(folder: Path, name: str) -> Path:
    """Where a table lies."""
    return folder / f"{name}.parquet"


def packed_tables(tables: dict[str, pl.DataFrame]) -> dict[str, bytes]:
    """Every file of the catalog's folder as bytes: the tables and their manifest."""
    files = {}
    for name in TABLES:
        buffer = io.BytesIO()
        tables[name].write_parquet(buffer, compression="zstd", statistics=True)
        files[f"{name}.parquet"] = buffer.getvalue()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"fingerprint": _fingerprint(hashes), "sha256": hashes}
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    return files


def read_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Every table, verified; raises as `verify_tables`."""
    verify_tables(folder)
    return {name: pl.read_parquet(table_path(folder, name)) for name in TABLES}


def verify_tables(folder: Path) -> str:
    """Hold every table against the manifest, and return the catalog's fingerprint.

    Raises:
        MissingArtifactError: if there is no catalog.
        DamagedFileError: if a file does not hold what was written.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        hashes, fingerprint = manifest["sha256"], manifest["fingerprint"]
    except FileNotFoundError:
        raise MissingArtifactError(
            "there is no catalog yet: run `landscape aggregate` first"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(f"{path} is damaged; `dvc repro` rebuilds it") from error
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise DamagedFileError(f"{file} is damaged; `dvc repro` rebuilds it")
    if fingerprint != _fingerprint(hashes):
        raise DamagedFileError(f"{path} is damaged; `dvc repro` rebuilds it")
    return str(fingerprint)


def _fingerprint(hashes: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
