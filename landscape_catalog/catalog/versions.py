"""Versions of the tables' schema, and how those of earlier versions are read.

The manifest of a catalog states its version. A catalog without one is of version 0: it was written
before the schema had versions, at different times with different columns. A change of columns takes
a new version, a step here, and a catalog in `tests/archive/catalogs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from landscape_catalog.catalog.tables import TABLES, TYPES
from landscape_catalog.schema.tables import Table

SCHEMA_VERSION = 2

# Columns that a version did not have yet, and what they hold for its catalogs.
_ADDED: dict[int, dict[str, dict[str, pl.Expr]]] = {
    2: {"experiments": {"thresholds": pl.when(pl.col("classify").is_not_null()).then(pl.lit("[]"))}}
}
# Version 0: columns that had another name, and what belongs into columns that it may lack.
_RENAMED = {"densities": {"eigenvalue": "grid_value"}}
_LACKING: dict[str, dict[str, pl.Expr]] = {
    "experiments": {
        "performance_metric": pl.when(pl.col("kind") == "images")
        .then(pl.lit("test_accuracy"))
        .otherwise(pl.lit("test_loss"))
    },
    "hessians": {"batch": pl.lit(0, pl.Int64)},
}


def schema_of(table: Table) -> dict[str, Any]:
    """The columns of a table with their Polars types."""
    return {column.name: TYPES[column.kind] for column in table.columns}


def brought_up_to_date(name: str, frame: pl.DataFrame | None, version: int) -> pl.DataFrame:
    """A stored table with the columns of the current schema; null where a version has none.

    Columns that no version has are left as they are, for the caller to refuse.

    Args:
        name: of the table.
        frame: as stored; None if the version has no such table.
        version: of the schema that it was stored with.
    """
    schema = schema_of(TABLES[name])
    if frame is None:
        return pl.DataFrame(schema=schema)
    for later in range(version + 1, SCHEMA_VERSION + 1):
        frame = _with_added(frame, _ADDED.get(later, {}).get(name, {}))
    if version == 0:
        return _from_version_0(name, frame, schema)
    if version == SCHEMA_VERSION:
        return frame
    order = [column for column in schema if column in frame.columns]
    return frame.select(*order, *(column for column in frame.columns if column not in schema))


def _with_added(frame: pl.DataFrame, added: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """A table with the columns that a version added, unless it has them already."""
    new = {name: values for name, values in added.items() if name not in frame.columns}
    return frame.with_columns(**new)


def _from_version_0(name: str, frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    former = {old: new for old, new in _RENAMED.get(name, {}).items() if old in frame.columns}
    frame = frame.rename(former)
    known = _LACKING.get(name, {})
    lacking = [
        known.get(column, pl.lit(None, kind)).alias(column)
        for column, kind in schema.items()
        if column not in frame.columns
    ]
    reals = pl.col(pl.Float64)  # the first catalogs held NaN and infinities
    frame = frame.with_columns(lacking).with_columns(pl.when(reals.is_finite()).then(reals))
    others = [column for column in frame.columns if column not in schema]
    return frame.select(*schema, *others)


def has_table(name: str, version: int) -> bool:
    """Whether every catalog of a version has this table."""
    return version > 0 or name not in ("phase_probabilities", "criteria")
