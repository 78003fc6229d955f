"""`landscape schemas`: writes the generated JSON Schemas and the catalog's SQL schema."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.commands.json_schemas import json_schemas
from landscape_catalog.store.files import write_file


def schema_files() -> dict[str, str]:
    """The text of every generated schema, by file name."""
    return {**json_schemas(), "catalog.sql": catalog_sql()}


def write_schemas(folder: Path) -> None:
    """Write every schema into a folder."""
    for name, text in schema_files().items():
        write_file(folder / name, text.encode())
