"""The catalog's tables: every column, in order, with its type, meaning and unit."""

from landscape_catalog.catalog.tables.cells import CELL_TABLES, MOVED_COLUMNS, PHASE_TABLES
from landscape_catalog.catalog.tables.enumerations import ENUMERATIONS
from landscape_catalog.catalog.tables.experiment import EXPERIMENT_TABLES
from landscape_catalog.catalog.tables.frames import NOT_FINITE, TYPES, frame_of, with_not_finite
from landscape_catalog.catalog.tables.runs import MEASURED, RUN_TABLES, pairs_table
from landscape_catalog.catalog.tables.sources import ORIGIN, SOURCES
from landscape_catalog.catalog.tables.words import LOAD, TEMPERATURE
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.tables import Table

__all__ = [
    "ENUMERATIONS",
    "LOAD",
    "METRIC_TABLES",
    "MOVED_COLUMNS",
    "NOT_FINITE",
    "ORIGIN",
    "SOURCES",
    "TABLES",
    "TEMPERATURE",
    "TYPES",
    "frame_of",
]

METRIC_TABLES: dict[str, Table] = {
    name: with_not_finite(table)
    for metric in METRICS.values()
    for name, table in metric.tables.items()
}
TABLES: dict[str, Table] = {
    **EXPERIMENT_TABLES,
    **CELL_TABLES,
    **{
        name: with_not_finite(table) if name in MEASURED else table
        for name, table in RUN_TABLES.items()
    },
    **METRIC_TABLES,
    "pairs": with_not_finite(pairs_table()),
    **PHASE_TABLES,
}
"""The tables that are stored, as Parquet files."""
