"""The files of a catalog, verified: nothing that they say is believed before it is checked."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from landscape_catalog.catalog.parquet import MANIFEST, fingerprint_of
from landscape_catalog.catalog.versions import SCHEMA_VERSION
from landscape_catalog.exchange.collect.unusable import Reason, UnusableError

EXPERIMENTS = "experiments.parquet"
IDS = ("experiment_id", "classification_id")
LARGEST_MANIFEST = 2**20  # bytes
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,63}\.parquet")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9A-Za-z_]{1,64}")


class Files(Protocol):
    """Where the files of a catalog are read."""

    def read(self, name: str) -> bytes:
        """Content of a file.

        Raises:
            UnusableError: if it is missing or damaged.
        """


@dataclass(frozen=True)
class Manifest:
    """What the manifest of a catalog says.

    Attributes:
        text: the file itself.
        fingerprint: a hash over all tables.
        hashes: SHA-256 of each table's file, by file name.
    """

    text: bytes
    fingerprint: str
    hashes: dict[str, str]


@dataclass(frozen=True)
class Contents:
    """A verified catalog.

    Attributes:
        ids: of the experiment, and of its classification.
        fingerprint: a hash over all tables.
        files: content of each file, by name; with the manifest.
    """

    ids: tuple[str, str]
    fingerprint: str
    files: dict[str, bytes]


def read_manifest(files: Files) -> Manifest:
    """The manifest of a catalog.

    Raises:
        UnusableError: if it is missing, damaged, or of a schema newer than this version knows.
    """
    text = files.read(MANIFEST)
    data = _parsed(text)
    schema = data.get("schema", 0)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 0:
        raise _damaged("its manifest has no valid schema")
    if schema > SCHEMA_VERSION:
        words = f"version {schema}; this version of landscape_catalog reads up to {SCHEMA_VERSION}"
        raise UnusableError(Reason.NEWER, words)
    hashes = data.get("sha256")
    if not isinstance(hashes, dict) or not all(map(_is_sha256, hashes.values())):
        raise _damaged("its manifest lists no checksums")
    for name in hashes:
        if not _TABLE.fullmatch(name):
            raise _damaged(f"its manifest names {name!r}, which is no table")
    if data.get("fingerprint") != fingerprint_of(hashes):
        raise _damaged("its manifest does not have the fingerprint of its checksums")
    if EXPERIMENTS not in hashes:
        raise UnusableError(Reason.OLDER, "it has no table `experiments`")
    return Manifest(text, data["fingerprint"], hashes)


def read_contents(files: Files, manifest: Manifest) -> Contents:
    """All files of a catalog, each with the checksum that its manifest says.

    Raises:
        UnusableError: if a file is missing or damaged, or does not tell whose catalog it is.
    """
    found = {MANIFEST: manifest.text}
    for name, expected in manifest.hashes.items():
        found[name] = files.read(name)
        if hashlib.sha256(found[name]).hexdigest() != expected:
            raise _damaged(f"{name} does not have the checksum in its manifest")
    return Contents(_ids(found[EXPERIMENTS]), manifest.fingerprint, found)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text) if len(text) <= LARGEST_MANIFEST else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise _damaged("its manifest is no JSON object")
    return data


def _ids(content: bytes) -> tuple[str, str]:
    """The two ids in the single row of `experiments`."""
    try:  # unlike Polars, Arrow survives files that are made to harm
        with pq.ParquetFile(io.BytesIO(content)) as file:
            columns = set(file.schema_arrow.names)
            count = file.metadata.num_rows
            wanted = [name for name in IDS if name in columns] if count == 1 else []
            row = file.read(columns=wanted, use_threads=False).slice(0, 1).to_pydict()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(f"{EXPERIMENTS} cannot be read") from error
    missing = ", ".join(f"`{name}`" for name in IDS if name not in columns)
    if missing:
        raise UnusableError(Reason.OLDER, f"its table `experiments` has no {missing}")
    if count != 1:
        raise _damaged(f"its table `experiments` has {'more than one' if count else 'no'} row")
    experiment, classification = (row[name][0] for name in IDS)
    if classification is None:
        raise UnusableError(Reason.UNCLASSIFIED, "its cells have no phases")
    for value in (experiment, classification):
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise _damaged(f"its table `experiments` has the invalid id {value!r}")
    return experiment, classification


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _damaged(how: str) -> UnusableError:
    return UnusableError(Reason.DAMAGED, how)
