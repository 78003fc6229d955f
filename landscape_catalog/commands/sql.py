"""`landscape sql`: prints the result of an SQL query."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.description import described_columns, described_tables
from landscape_catalog.catalog.sources import CURRENT, EVERY
from landscape_catalog.errors import QueryError, shown
from landscape_catalog.machine import main_memory
from landscape_catalog.paths import Project
from landscape_catalog.terminal import is_utf8, printable

log = logging.getLogger(__name__)

FORMS = ("table", "csv", "json", "parquet", "markdown")
LARGEST_QUERY = 2**20
SHARE_OF_MEMORY = 0.5
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 2 ** (10 * i) for i, unit in enumerate("kmgt", start=1)}


def read_query(words: str | None, file: Path | None) -> str:
    """The query: typed, from a file, or for `-` from standard input.

    Raises:
        QueryError: if there is none or more than one, or if it cannot be read.
    """
    if (words is None) == (file is None):
        raise QueryError("give one query: as an argument, as -f FILE, or as - for standard input")
    if file is None and words != "-":
        assert words is not None
        return words
    if file is None or str(file) == "-":
        return _text(sys.stdin.buffer, "standard input")
    try:
        with file.open("rb") as stream:
            return _text(stream, str(file))
    except OSError as error:
        raise QueryError(f"{file} cannot be read: {error.strerror}") from None


def _text(stream: BinaryIO, name: str) -> str:
    content = stream.read(LARGEST_QUERY + 1)
    if len(content) > LARGEST_QUERY:
        raise QueryError(f"{name} is no query: it has more than {LARGEST_QUERY} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise QueryError(f"{name} is not UTF-8 text (byte {error.start + 1})") from None


def memory_limit(given: str | None) -> int:
    """A memory limit in bytes; None: half of this machine's memory.

    Raises:
        QueryError: if it is no size.

    >>> memory_limit("1.5 GB"), memory_limit("512MiB")
    (1500000000, 536870912)
    """
    if given is None:
        return int(main_memory().total * SHARE_OF_MEMORY)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?|)b", given.strip().lower())
    if found is None:
        raise QueryError(f"--memory: got {shown(given)}; allowed: a size such as 500MB or 2GiB")
    return int(float(found[1]) * _UNITS[found[2]])


def answer(
    root: Path,
    sql: str,
    form: str,
    *,
    source: str = CURRENT,
    timeout: float | None = None,
    memory: int | None = None,
) -> str | bytes:
    """The result of a single SQL query in one of `FORMS`.

    Args:
        root: of the project.
        sql: the query.
        form: of the answer.
        source: whose results are asked; see `open_catalog`.
        timeout: the most seconds that it may take.
        memory: the most bytes that it may use.
    """
    frame = open_catalog(root, source=source).sql(sql, plain=True, timeout=timeout, memory=memory)
    if form == "parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()
    if form == "csv":
        return frame.write_csv()
    return _as_json(frame) if form == "json" else _as_table(frame, form)


def _as_table(frame: pl.DataFrame, form: str) -> str:
    """A table with borders, or one in Markdown."""
    box: Literal["UTF8_FULL_CONDENSED", "ASCII_FULL_CONDENSED", "ASCII_MARKDOWN"]
    box = "UTF8_FULL_CONDENSED" if is_utf8() else "ASCII_FULL_CONDENSED"
    frame = _on_one_line(frame)
    if form == "markdown":
        box = "ASCII_MARKDOWN"
        texts = pl.col(pl.String).str.replace_all("|", "\\|", literal=True)
        frame = frame.with_columns(texts).rename(lambda name: name.replace("|", "\\|"))
    with pl.Config(
        tbl_formatting=box,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        return f"{frame}\n"


def source_name(name: str | None, every: bool) -> str:
    """The source that the options `--source` and `--all` name.

    Raises:
        QueryError: if both are given.
    """
    if every and name is not None:
        raise QueryError("give --all or --source, not both")
    if every:
        return EVERY
    return CURRENT if name is None else name


def describe_catalog(table: str | None) -> str:
    """The tables, views and macros, or the columns of one."""
    return _as_table(described_tables() if table is None else described_columns(table), "table")


def how_to_open(root: Path) -> str:
    """How to open the catalog in programs that need nothing of this package."""
    project = Project(root)
    shown_path = project.shown(project.database)
    is_there = "" if project.database.is_file() else " (`landscape aggregate` writes it)"
    return f"""\
Ask with one query:    landscape sql "SELECT width, batch_size, phase FROM cells"
What there is:         landscape catalog describe, landscape catalog describe cells

Or open {shown_path}{is_there} in
  DuckDB:              duckdb -readonly {shown_path}
  DuckDB's UI:         duckdb -readonly -ui {shown_path}
  Harlequin:           harlequin --read-only {shown_path}
It holds the current experiment. `--all` also asks what was imported and collected."""


def _as_json(frame: pl.DataFrame) -> str:
    """JSON, in which numbers that are not finite are null; a warning counts them."""
    for column in frame.select(pl.col(pl.Float32, pl.Float64)):
        undefined, infinite = int(column.is_nan().sum()), int(column.is_infinite().sum())
        if undefined or infinite:
            words = "%s: null stands for %d NaN and %d infinite values, which JSON cannot represent"
            log.warning(words, column.name, undefined, infinite)
    text = frame.write_json() + "\n"
    if is_utf8():
        return text
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)


def _on_one_line(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with texts as a table shows them: without control characters and line breaks."""

    def shown_text(text: str) -> str:
        return printable(text).replace("\n", "\\n").replace("\t", "\\t")

    text = pl.col(pl.String).map_elements(shown_text, return_dtype=pl.String)
    names = [shown_text(name) for name in frame.columns]
    return frame.with_columns(text).rename(dict(zip(frame.columns, names)))
