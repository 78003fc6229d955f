"""Where neighbouring cells of the grid touch, so that the outlines of phases can be drawn."""

from __future__ import annotations

from collections.abc import Iterator

from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.schema.tables import Row


def borders(data: ReportData) -> list[Row]:
    """One row for each two cells that touch: their indices and phases, and the line between them.

    Which of the lines are outlines is decided where they are drawn, since a reader may move the
    thresholds: those between cells of different phases.
    """
    return list(_borders(data))


def _borders(data: ReportData) -> Iterator[Row]:
    at = {(cell["f"], cell["col"], cell["row"]): cell for cell in data.cells}
    for (f, col, row), cell in at.items():
        right, below = at.get((f, col + 1, row)), at.get((f, col, row + 1))
        if right is not None:
            x = _shared(cell, right, "x")
            yield _pair(cell, right, x=x, x2=x, y=cell["y0"], y2=cell["y1"])
        if below is not None:
            y = _shared(cell, below, "y")
            yield _pair(cell, below, x=cell["x0"], x2=cell["x1"], y=y, y2=y)


def _shared(one: Row, other: Row, axis: str) -> float:
    """The edge between two neighbours on an axis, which may run in either direction."""
    low, high = sorted((one, other), key=lambda cell: float(cell[f"{axis}m"]))
    return float((low[f"{axis}1"] + high[f"{axis}0"]) / 2)


def _pair(one: Row, other: Row, **line: float) -> Row:
    names = {"i": one["i"], "j": other["i"], "f": one["f"]}
    return names | {"p": one["phase"], "q": other["phase"]} | line
