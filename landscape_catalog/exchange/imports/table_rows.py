"""The rows of a mapped table as cells: a row is a cell, or a run of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.exchange.imports.delimited import Column, first_repeated
from landscape_catalog.exchange.imports.grid import (
    Observation,
    PublishedCell,
    PublishedMean,
    PublishedRun,
    in_words,
)
from landscape_catalog.exchange.imports.table_map import KNOWN, WHOLE, TableMap
from landscape_catalog.exchange.imports.table_units import factor, impossible
from landscape_catalog.phases.convergence import not_converged_reason

EMPTY = "it is empty in the table"
OF_RUNS = tuple(
    f"{side}_{what}" for side in ("train", "test") for what in ("loss", "accuracy", "error")
)


def read_cells(chosen: TableMap, table: Mapping[str, Column], file: str) -> list[PublishedCell]:
    """The cells of a table, in the order of their first rows.

    Args:
        chosen: the map.
        table: the columns by name, at least those that the map names.
        file: name of the table, for messages.

    Raises:
        PublishedError: if a field is not what the map says, or a cell or run is there twice.
    """
    return _Reader(chosen, table, file).cells()


class _Reader:
    """The columns of a table as what the map says they are."""

    def __init__(self, chosen: TableMap, table: Mapping[str, Column], file: str) -> None:
        self._map, self._table, self._file = chosen, table, file
        coordinates = {
            path: _parameter(path, table[column]) for path, column in chosen.coordinates.items()
        }
        self._points = list(zip(*coordinates.values()))
        self._values = {
            name: self._scaled(name, metric.column) for name, metric in chosen.metrics.items()
        }
        for name, metric in chosen.metrics.items():
            self._require_possible(name, metric.column)
        self._spreads = {
            (name, kind): self._scaled(name, column)
            for name, metric in chosen.metrics.items()
            for kind, column in (("sd", metric.sd), ("standard_error", metric.standard_error))
            if column is not None
        }
        named = [metric.n for metric in chosen.metrics.values()] + [chosen.n_runs]
        self._counts = {
            column: table[column].whole_numbers() for column in named if isinstance(column, str)
        }

    def cells(self) -> list[PublishedCell]:
        seeds = None if self._map.seed is None else self._seeds(self._map.seed)
        keys: list[object] = list(self._points if seeds is None else zip(self._points, seeds))
        for first, second in first_repeated(keys):
            which = "cell" if seeds is None else f"run with seed {seeds[second]}"
            raise PublishedError(
                f"{self._file}, {self._where(second)}: the {which} of {self._where(first)} again "
                f"({in_words(self._point(second))})"
            )
        if seeds is None:
            return [self._cell(row) for row in range(len(self._points))]
        rows: dict[Any, list[int]] = {}
        for row, point in enumerate(self._points):
            rows.setdefault(point, []).append(row)
        return [self._cell_of_runs(own, seeds) for own in rows.values()]

    def _seeds(self, column: str) -> list[int]:
        seeds = self._table[column].whole_numbers()
        for row, seed in enumerate(seeds):
            if seed < 0:
                raise PublishedError(
                    f"{self._file}, {self._where(row)}: column {shown(column)} is {seed}; "
                    "allowed: 0 or more"
                )
        return seeds

    def _where(self, row: int) -> str:
        column = next(iter(self._table.values()))
        return f"{column.place} {column.lines[row]}"

    def _point(self, row: int) -> dict[str, Any]:
        return dict(zip(self._map.coordinates, self._points[row]))

    def _scaled(self, name: str, column: str) -> list[float]:
        """The values of a metric in the unit in which the catalog stores it."""
        times = factor(name, self._map.metrics[name].unit)
        values = self._table[column].numbers(missing=True)
        return values if times == 1.0 else [times * value for value in values]

    def _require_possible(self, name: str, column: str) -> None:
        """Require that the values of a metric can be in the unit that the map says."""
        for row, value in enumerate(self._values[name]):
            if problem := impossible(name, value):
                given = self._map.metrics[name].unit
                unit = f" in the unit {shown(given)}" if given else ""
                text = self._table[column].texts[row]
                raise PublishedError(
                    f"{self._file}, {self._where(row)}: column {shown(column)} is {shown(text)}"
                    f"{unit}: {name} {problem}"
                )

    def _cell(self, row: int) -> PublishedCell:
        return PublishedCell(
            coordinates=self._point(row),
            n_runs=self._count(self._map.n_runs, row),
            means=tuple(self._mean(name, row) for name in self._values),
            facts=self._facts(row),
        )

    def _cell_of_runs(self, rows: Sequence[int], seeds: Sequence[int]) -> PublishedCell:
        of_cell = [name for name, metric in self._map.metrics.items() if metric.of == "cell"]
        of_runs = [name for name in self._values if name not in of_cell]
        return PublishedCell(
            coordinates=self._point(rows[0]),
            n_runs=len(rows),
            means=tuple(self._mean(name, self._only_row(name, rows)) for name in of_cell),
            runs=tuple(self._run(row, seeds[row]) for row in rows),
            observations=tuple(
                Observation(
                    name,
                    (seeds[row],),
                    self._values[name][row],
                    reason=EMPTY if self._is_missing(name, row) else None,
                )
                for row in rows
                for name in of_runs
            ),
            facts=self._facts(rows[0]),
        )

    def _only_row(self, name: str, rows: Sequence[int]) -> int:
        """A row with the value that a metric of the whole cell has in all of its rows."""
        known = [row for row in rows if not self._is_missing(name, row)]
        values = sorted({self._values[name][row] for row in known})
        if len(values) > 1:
            raise PublishedError(
                f"{self._file}: {name} is one number for each cell, and for "
                f"{in_words(self._point(rows[0]))} there are {', '.join(map(str, values))}"
            )
        return known[0] if known else rows[0]

    def _run(self, row: int, seed: int) -> PublishedRun:
        columns = {
            name: self._values[name][row]
            for name in OF_RUNS
            if name in self._values and not self._is_missing(name, row)
        }
        loss = columns.get("train_loss", math.nan)
        if math.isnan(loss):
            return PublishedRun(seed, columns, judged=False)
        guessing = math.inf if self._map.n_classes is None else math.log(self._map.n_classes)
        reason = not_converged_reason(stop_reason="", train_loss=loss, frequency_loss=guessing)
        return PublishedRun(seed, columns, reason)

    def _mean(self, name: str, row: int) -> PublishedMean:
        return PublishedMean(
            name,
            self._values[name][row],
            n=self._count(self._map.metrics[name].n, row),
            sd=self._spread(name, "sd", row),
            standard_error=self._spread(name, "standard_error", row),
            reason=EMPTY if self._is_missing(name, row) else None,
        )

    def _is_missing(self, name: str, row: int) -> bool:
        return math.isnan(self._values[name][row])

    def _spread(self, name: str, kind: str, row: int) -> float | None:
        values = self._spreads.get((name, kind))
        return None if values is None else values[row]

    def _count(self, given: str | int | None, row: int) -> int | None:
        return self._counts[given][row] if isinstance(given, str) else given

    def _facts(self, row: int) -> dict[str, str]:
        return {name: self._table[name].texts[row] for name in self._map.facts}


def _parameter(path: str, column: Column) -> Sequence[Any]:
    """A coordinate: whole numbers or numbers; for custom parameters also text."""
    if path in WHOLE:
        return column.whole_numbers(least=1)
    if path in KNOWN:
        return [value + 0.0 for value in column.numbers(least=0)]  # -0.0 is 0.0
    for read in (column.whole_numbers, column.numbers):
        try:
            return list(read())
        except PublishedError:
            continue
    return column.texts
