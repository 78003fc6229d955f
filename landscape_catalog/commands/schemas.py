"""The generated contracts: JSON Schemas and the catalog's SQL."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.commands.json_schemas import json_schemas
from landscape_catalog.store.files import write_file


def contracts() -> dict[str, str]:
    """File name and text of every generated contract."""
    return {**json_schemas(), "catalog.sql": catalog_sql()}


def write_schemas(folder: Path) -> None:
    """Write every contract into a folder."""
    for name, text in contracts().items():
        write_file(folder / name, text.encode())
