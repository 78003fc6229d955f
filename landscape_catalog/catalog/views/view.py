"""What a view or macro is: its SQL, and the stored tables that it reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """A view, or a macro that returns a table.

    Attributes:
        name: in the schema `main`.
        row: what one row stands for.
        columns: its columns with what they mean, where it has no table's columns alone.
        query: the SELECT statement.
        tables: the stored tables that it reads, directly or through other views.
        parameters: of a macro.
    """

    name: str
    row: str
    columns: dict[str, str]
    query: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The statement that creates it."""
        if self.parameters:
            head = f"CREATE MACRO {self.name}({', '.join(self.parameters)}) AS TABLE"
        else:
            head = f"CREATE VIEW {self.name} AS"
        lines = [f"-- One row: {self.row}.", head, f"{self.query.strip()};", ""]
        return "\n".join(lines)
