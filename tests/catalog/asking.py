"""SQL on a folder of tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog import query
from landscape_catalog.catalog.sources import current_source


def ask(sql: str, *, tables: Path, **more: Any) -> pl.DataFrame:
    """The answer of the tables in a folder, as those of the current experiment."""
    return query(sql, sources=[current_source(tables)], **more)
