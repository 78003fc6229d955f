"""The catalog: ordered Parquet tables, the DuckDB file built from them, and SQL queries."""

from landscape_catalog.catalog.build import build_tables
from landscape_catalog.catalog.database import build_database, query
from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.parquet import packed_tables, read_tables
from landscape_catalog.catalog.results import (
    CellResult,
    ExperimentResult,
    PairResult,
    ProbeResult,
    RunResult,
)
from landscape_catalog.catalog.summary import plot_data, summary_metrics
from landscape_catalog.catalog.tables import TABLES

__all__ = [
    "TABLES",
    "CellResult",
    "ExperimentResult",
    "PairResult",
    "ProbeResult",
    "RunResult",
    "build_database",
    "build_tables",
    "catalog_sql",
    "packed_tables",
    "plot_data",
    "query",
    "read_tables",
    "summary_metrics",
]
