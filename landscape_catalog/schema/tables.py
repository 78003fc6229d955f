"""Declarations of the catalog's tables: what a row stands for, and what each column means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "integer", "real", "boolean"]
Column = tuple[str, Kind, str]  # name, kind of values, meaning
Row = dict[str, Any]
TEXT: Kind = "text"
INTEGER: Kind = "integer"
REAL: Kind = "real"
BOOLEAN: Kind = "boolean"


@dataclass(frozen=True)
class Table:
    """A table of the catalog.

    Attributes:
        row: what one row stands for.
        columns: in their stored order.
        order: the columns by which rows are sorted.
    """

    row: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]


RUN_KEY: tuple[Column, ...] = (("run_id", TEXT, "the run"),)
PAIR_KEY: tuple[Column, ...] = (
    ("cell_id", TEXT, "the cell"),
    ("run_id", TEXT, "one run"),
    ("other_run_id", TEXT, "the other"),
)
