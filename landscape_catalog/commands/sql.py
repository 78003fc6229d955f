"""`landscape sql`: prints the result of an SQL query."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import BinaryIO

import polars as pl

from landscape_catalog.api.catalog import Catalog
from landscape_catalog.commands.quantities import bytes_of
from landscape_catalog.errors import QueryError, shown
from landscape_catalog.machine import main_memory
from landscape_catalog.paths import Project
from landscape_catalog.terminal import is_utf8, printable

log = logging.getLogger(__name__)

LARGEST_QUERY = 2**20
SHARE_OF_MEMORY = 0.5


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
    found = bytes_of(given)
    if found is None:
        raise QueryError(f"--memory: got {shown(given)}; allowed: a size such as 500MB or 2GiB")
    return found


def answer(
    root: Path, sql: str, form: str, *, timeout: float | None = None, memory: int | None = None
) -> str:
    """The result of a single SQL query as a `table`, as `csv` or as `json`."""
    frame = Catalog(Project(root)).sql(sql, plain=True, timeout=timeout, memory=memory)
    if form == "csv":
        return frame.write_csv()
    if form == "json":
        return _as_json(frame)
    with pl.Config(
        tbl_formatting="UTF8_FULL_CONDENSED" if is_utf8() else "ASCII_FULL_CONDENSED",
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        return f"{_on_one_line(frame)}\n"


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
