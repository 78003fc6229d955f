"""`landscape sql`: prints the result of an SQL query."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from landscape_catalog.api.catalog import Catalog
from landscape_catalog.paths import Project


def answer(root: Path, sql: str, form: str) -> str:
    """The result of a single SQL query as a `table`, as `csv` or as `json`."""
    frame = Catalog(Project(root)).sql(sql, plain=True)
    if form == "csv":
        return frame.write_csv()
    if form == "json":
        return frame.write_json() + "\n"
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        return f"{frame}\n"
