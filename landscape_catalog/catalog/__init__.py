"""The catalog: ordered Parquet tables, SQL queries on them, and a DuckDB file for other clients."""

from landscape_catalog.catalog.build import build_rows, build_tables
from landscape_catalog.catalog.database import build_database
from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.limits import Limits
from landscape_catalog.catalog.parquet import packed_tables, read_tables, scan_table
from landscape_catalog.catalog.query import query
from landscape_catalog.catalog.results import (
    CellResult,
    ExperimentResult,
    PairResult,
    ProbeResult,
    RunResult,
)
from landscape_catalog.catalog.summary import SUMMARISED, plot_data, summary_metrics
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.catalog.writing import write_catalog

__all__ = [
    "SUMMARISED",
    "TABLES",
    "CellResult",
    "ExperimentResult",
    "Limits",
    "PairResult",
    "ProbeResult",
    "RunResult",
    "build_database",
    "build_rows",
    "build_tables",
    "catalog_sql",
    "packed_tables",
    "plot_data",
    "query",
    "read_tables",
    "scan_table",
    "summary_metrics",
    "write_catalog",
]
