"""What tables, views and columns are, in words."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from landscape_catalog.catalog.database import build_database
from landscape_catalog.catalog.ddl import STORED, catalog_sql
from landscape_catalog.catalog.description import described_columns, described_tables
from landscape_catalog.catalog.tables import ENUMERATIONS
from landscape_catalog.catalog.views import MACROS, VIEWS
from landscape_catalog.errors import QueryError
from landscape_catalog.metrics.registry import QUANTITIES
from tests.catalog.asking import ask
from tests.catalog.source_folders import GRID, identified, write_source

# Columns of the view `cells` that are made of a metric's name and one of these.
PARTS = ("", "_sd", "_n", "_status", "_reason")


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.execute(catalog_sql())
    return found


def test_every_table_view_and_macro_is_described() -> None:
    found = described_tables()
    names = [name.partition("(")[0] for name in found["name"]]
    assert set(names) == {*STORED, *VIEWS, *MACROS}
    assert len(names) == len(set(names))
    assert found["meaning"].str.starts_with("One row: ").all()


def test_every_column_has_a_meaning() -> None:
    columns = described_columns()
    assert columns.filter(columns["meaning"] == "").rows() == []
    wide = columns.filter(columns["table"] == "cells")["column"]
    assert {metric + part for metric in QUANTITIES for part in PARTS} <= set(wide)


@pytest.mark.parametrize("name", STORED)
def test_numbers_have_units_and_the_database_has_the_comments(
    name: str, connection: duckdb.DuckDBPyConnection
) -> None:
    table = STORED[name]
    assert not [c.name for c in table.columns if c.kind == "real" and not c.unit]
    sql = "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'core' AND table_name = ?"
    comments = dict(connection.execute(sql, [name]).fetchall())
    assert comments == {column.name: column.comment for column in table.columns}
    key = connection.execute(
        "SELECT constraint_column_names FROM duckdb_constraints() "
        "WHERE table_name = ? AND constraint_type = 'PRIMARY KEY'",
        [name],
    ).fetchall()
    assert key == ([(list(table.unique),)] if table.indexed else [])
    assert set(table.unique) <= {column.name for column in table.columns}


def test_enumerations_are_used_and_known(connection: duckdb.DuckDBPyConnection) -> None:
    used = {name for table in STORED.values() for name in table.enumerations.values()}
    assert used == set(ENUMERATIONS)
    for table in STORED.values():
        assert set(table.enumerations) <= {column.name for column in table.columns}
    kinds = connection.sql("SELECT phase, status FROM phases, estimates").types
    assert all(str(kind).startswith("ENUM") for kind in kinds)


def test_one_table(connection: duckdb.DuckDBPyConnection) -> None:
    found = described_columns("Runs")
    assert found["column"].to_list() == [column.name for column in STORED["runs"].columns]
    loss = found.row(found["column"].to_list().index("train_loss"), named=True)
    assert (loss["type"], loss["unit"]) == ("DOUBLE", "task's loss")
    assert described_columns("experiment_diff")["column"].to_list()[:3] == [
        "cell",
        "cell_a",
        "cell_b",
    ]
    with pytest.raises(QueryError, match="there is no table `nobody`; there are experiments"):
        described_columns("nobody")


def test_views_of_the_file_are_commented_too(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    write_source(folder, identified(GRID.tables(), "e"))
    build_database(folder, tmp_path / "catalog.duckdb", tmp_path / "note.json")
    with duckdb.connect(str(tmp_path / "catalog.duckdb"), read_only=True) as found:
        silent = found.sql(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE NOT internal AND comment IS NULL AND table_name <> 'build'"
        ).fetchall()
        assert silent == []
        views = found.sql("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal")
        comments = dict(views.fetchall())
    assert set(comments) == {*STORED, *VIEWS}
    assert comments["best_per_load"] == f"One row: {VIEWS['best_per_load'].row}."


@pytest.mark.parametrize(
    "words", ["duckdb_columns()", "query('FROM duckdb_columns()')", "cells, DuckDB_Columns()"]
)
def test_a_query_sees_the_comments(words: str, tmp_path: Path) -> None:
    """Which are only made where a query may read them."""
    write_source(tmp_path / "catalog", identified(GRID.tables(), "e"))
    where = "schema_name = 'core' AND table_name = 'runs' AND column_name = 'train_loss'"
    found = ask(f"SELECT DISTINCT comment FROM {words} WHERE {where}", tables=tmp_path / "catalog")
    (expected,) = (c.comment for c in STORED["runs"].columns if c.name == "train_loss")
    assert found["comment"].to_list() == [expected]
