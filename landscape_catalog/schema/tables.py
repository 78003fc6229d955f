"""Declarations of the catalog's tables: what a row stands for, and what each column means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "integer", "real", "boolean"]
Row = dict[str, Any]
TEXT: Kind = "text"
INTEGER: Kind = "integer"
REAL: Kind = "real"
BOOLEAN: Kind = "boolean"


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: its name.
        kind: kind of its values.
        meaning: what they are.
        unit: of numbers; 1 if they have none, empty where the meaning says it all.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""

    @property
    def comment(self) -> str:
        """What it means, with its unit.

        >>> Column("train_loss", REAL, "mean loss", "nats").comment
        'mean loss; unit: nats'
        """
        return f"{self.meaning}; unit: {self.unit}" if self.unit else self.meaning


@dataclass(frozen=True)
class Table:
    """A table of the catalog.

    Attributes:
        row: what one row stands for.
        columns: in their stored order.
        order: the columns by which rows are sorted.
        key: the columns that no two rows have in common; empty: those of `order`.
        indexed: whether DuckDB checks the key. Tables with many rows go without: the index would
            take longer to build, and more memory, than the table.
        enumerations: the names of enumerations, by the column that takes their values.
    """

    row: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    key: tuple[str, ...] = ()
    indexed: bool = False
    enumerations: Mapping[str, str] = field(default_factory=dict)

    @property
    def unique(self) -> tuple[str, ...]:
        """The columns that no two rows have in common."""
        return self.key or self.order


RUN_KEY: tuple[Column, ...] = (Column("run_id", TEXT, "the run"),)
PAIR_KEY: tuple[Column, ...] = (
    Column("cell_id", TEXT, "the cell"),
    Column("run_id", TEXT, "one run"),
    Column("other_run_id", TEXT, "the other"),
)
