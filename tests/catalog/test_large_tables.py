"""Tables that are built on disk, and posteriors that are computed in chunks, are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from benchmarks.made_up_results import made_up
from landscape_catalog.catalog import (
    TABLES,
    build_rows,
    build_tables,
    packed_tables,
    read_tables,
    table_rows,
    write_catalog,
)
from landscape_catalog.catalog.table_rows import TableRows
from landscape_catalog.phases.predictive import spread
from landscape_catalog.phases.predictive.location import Locations
from landscape_catalog.phases.predictive.observed import members_of
from landscape_catalog.phases.predictive.spread import Spreads

CELLS = 12


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return build_tables(made_up(CELLS))


def test_cells_are_read_once_and_in_any_kind_of_collection(
    tables: dict[str, pl.DataFrame],
) -> None:
    result = made_up(CELLS)
    listed = build_tables(replace(result, cells=list(result.cells)))
    assert packed_tables(listed) == packed_tables(tables)


def test_tables_on_disk_are_those_in_memory(
    tables: dict[str, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are kept on disk after every hundred, and the files are written in parts."""
    monkeypatch.setattr(table_rows, "AT_ONCE", 20)
    monkeypatch.setattr(table_rows, "IN_MEMORY", 100)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    rows = build_rows(made_up(CELLS), scratch)
    parts = {name: list(found.parts()) for name, found in rows.items()}
    on_disk = {name for name, found in parts.items() if len(found) > 1}
    assert on_disk == {name for name, table in tables.items() if table.height > 150}
    write_catalog(parts, tmp_path / "catalog")
    for name, table in read_tables(tmp_path / "catalog").items():
        assert_frame_equal(table, tables[name])
    written, whole = tmp_path / "catalog", packed_tables(tables)
    for name in TABLES:
        content = (written / f"{name}.parquet").read_bytes()
        assert (content == whole[f"{name}.parquet"]) == (name not in on_disk)


def test_large_tables_have_row_groups(tmp_path: Path) -> None:
    tables = build_tables(made_up(CELLS))
    epochs = tables["epochs"]
    halves = [epochs.head(epochs.height // 2), epochs.tail(-(epochs.height // 2))]
    write_catalog({name: [frame] for name, frame in tables.items()} | {"epochs": halves}, tmp_path)
    assert pq.ParquetFile(tmp_path / "epochs.parquet").num_row_groups == 2
    assert_frame_equal(read_tables(tmp_path)["epochs"], epochs)


def test_a_table_without_rows_has_its_columns() -> None:
    rows = TableRows("densities", TABLES["densities"])
    rows.fill({})
    frame = rows.frame()
    assert frame.height == 0
    assert frame.columns == [column.name for column in TABLES["densities"].columns]


def values_of(n: int) -> tuple[list[np.ndarray], list[tuple[tuple[int, ...], ...]]]:
    draw = np.random.Generator(np.random.Philox(key=8))
    members = [members_of(4 + i % 2, "all" if i % 3 else "ring") for i in range(n)]
    return [draw.normal(i, 1 + i % 4, len(one)) for i, one in enumerate(members)], members


@pytest.mark.parametrize("kept", [0, 2**29])
def test_posteriors_in_chunks_are_those_of_all_cells(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, members = values_of(23)
    whole = Spreads(values, members)
    located = Locations(whole, [0.1] * 23)
    monkeypatch.setattr(spread, "CHUNK", 5)
    monkeypatch.setattr(spread, "KEPT_BYTES", kept)
    in_chunks = Spreads(values, members)
    for place in (22, 0, 7, 4, 5, 22):
        one, other = whole[place], in_chunks[place]
        assert len(one.weights) == len(other.weights)
        for name in ("weights", "shares", "sds", "centres", "variances", "run_variances"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
        assert one.outlying == pytest.approx(other.outlying)
    also = Locations(in_chunks, [0.1] * 23)
    for place in (0, 11, 22):
        one, other = located[place], also[place]
        means = [found.weights @ found.means for found in (one, other)]
        assert means[0] == pytest.approx(means[1], rel=1e-6)
