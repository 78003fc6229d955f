"""The parts of the catalog's benchmark that run in a process of their own, which print JSON.

python -m benchmarks.catalog_parts build CELLS FOLDER
python -m benchmarks.catalog_parts query FOLDER
python -m benchmarks.catalog_parts naive FOLDER ROWS
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq

from benchmarks.made_up_results import made_up
from landscape_catalog.catalog import (
    CellResult,
    build_database,
    build_rows,
    query,
    read_tables,
    write_catalog,
)
from landscape_catalog.catalog.ddl import catalog_sql
from landscape_catalog.catalog.sources import current_source
from landscape_catalog.metrics.metric import PRIMARY

WIDE = "SELECT * FROM cells"


def peak_megabytes() -> float:
    """The largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds(work: Callable[[], object]) -> dict[str, float]:
    """Wall-clock and processor seconds of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - processor}


class _Timed:
    """Counts the time that it takes to make up results, which is none of the catalog's."""

    def __init__(self, cells: Iterable[CellResult]) -> None:
        self._cells = iter(cells)
        self.wall = self.cpu = 0.0

    def __iter__(self) -> Iterator[CellResult]:
        while True:
            found: list[CellResult] = []
            took = _seconds(lambda found=found: found.extend(self._next()))  # type: ignore[misc]
            self.wall, self.cpu = self.wall + took["wall"], self.cpu + took["cpu"]
            if not found:
                return
            yield found[0]

    def _next(self) -> list[CellResult]:
        cell = next(self._cells, None)
        return [] if cell is None else [cell]


def build(cells: int, folder: Path) -> dict[str, Any]:
    """Build tables, Parquet files and the DuckDB file from made-up results; times and memory."""
    scratch, tables = folder / "scratch", folder / "catalog"
    scratch.mkdir(parents=True)
    result = made_up(cells)
    timed = _Timed(result.cells)
    rows: dict[str, Any] = {}
    took = {
        "tables": _seconds(lambda: rows.update(build_rows(replace(result, cells=timed), scratch))),
        "Parquet": _seconds(
            lambda: write_catalog({name: one.parts() for name, one in rows.items()}, tables)
        ),
    }
    took["tables"]["wall"] -= timed.wall
    took["tables"]["cpu"] -= timed.cpu
    rows.clear()
    shutil.rmtree(scratch)
    took["DuckDB"] = _seconds(
        lambda: build_database(tables, folder / "catalog.duckdb", folder / "note.json")
    )
    heights = {
        path.stem: pq.read_metadata(path).num_rows for path in sorted(tables.glob("*.parquet"))
    }
    size = sum(path.stat().st_size for path in tables.iterdir())
    return {"seconds": took, "rows": heights, "peak_mb": peak_megabytes(), "parquet_bytes": size}


def asked(folder: Path) -> dict[str, Any]:
    """The wide view through the catalog's query and from the DuckDB file: first call and others."""
    source = current_source(folder / "catalog")
    ours = [_seconds(lambda: query(WIDE, sources=[source]))["wall"] for _ in range(4)]

    def open_file() -> None:
        with duckdb.connect(str(folder / "catalog.duckdb"), read_only=True) as connection:
            connection.sql(WIDE).to_arrow_table()

    file = [_seconds(open_file)["wall"] for _ in range(4)]
    return {"query": ours, "file": file}


def naive(folder: Path, sample: int) -> dict[str, Any]:
    """The wide view pivoted in Python, and rows inserted one by one into the same schema."""
    frames = read_tables(folder / "catalog", ["cells", "cell_metrics", "phases", "landscapes"])
    frames |= read_tables(folder / "catalog", ["experiments", "estimates"])
    rows = frames["estimates"].head(sample).rows()

    def insert() -> None:
        with duckdb.connect(":memory:") as connection:
            connection.execute(catalog_sql())
            marks = ", ".join("?" * (len(frames["estimates"].columns) + 1))
            connection.executemany(
                f"INSERT INTO core.estimates VALUES ({marks})", [(*row, "current") for row in rows]
            )

    return {
        "insert_rows_per_s": len(rows) / _seconds(insert)["wall"],
        "pivot": _seconds(lambda: wide_in_python(frames))["wall"],
    }


def wide_in_python(frames: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    """The view `cells` as one would write it without SQL: a mapping for each cell, by its id."""
    wide = {row["cell_id"]: row for row in frames["cells"].to_dicts()}
    landscapes = {row["landscape_id"]: row for row in frames["landscapes"].to_dicts()}
    for row in frames["cell_metrics"].to_dicts():
        if row["probe"] == PRIMARY:
            name, cell = row["metric"], wide[row["cell_id"]]
            parts = {"": "mean", "_sd": "sd", "_n": "n", "_status": "status", "_reason": "reason"}
            cell |= {f"{name}{suffix}": row[part] for suffix, part in parts.items()}
    for row in frames["phases"].to_dicts():
        wide[row["cell_id"]] |= row
    for cell in wide.values():
        landscape = landscapes[cell["landscape_id"]]
        cell |= {key: landscape[key] for key in ("dataset", "model", "n_parameters")}
    return wide


def main(words: list[str]) -> None:
    """Run a part and print what it measured."""
    part, *given = words
    if part == "build":
        found = build(int(given[0]), Path(given[1]))
    elif part == "query":
        found = asked(Path(given[0]))
    else:
        found = naive(Path(given[0]), int(given[1]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
