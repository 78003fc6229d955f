"""Exported tables hold what the catalog holds, to the last digit."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog import TABLES, read_tables
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.catalog.tables import TYPES
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, UserError
from landscape_catalog.exchange.export.tables import as_csv, export_tables
from landscape_catalog.paths import Project
from tests.catalog.source_folders import GRID, identified, published, write_import, write_source

OWN = identified(GRID.tables(), "e")
KINDS = {"VARCHAR": "text", "BIGINT": "integer", "DOUBLE": "real", "BOOLEAN": "boolean"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a source of each kind."""
    project = Project(tmp_path / "project")
    write_source(project.catalog, OWN)
    write_import(project, "theirs", published(OWN, "p"))
    write_source(project.collected / "f-k", identified(OWN, "f"), {"repository": "/a/place"})
    return project


def expected(project: Project, name: str) -> dict[str, pl.DataFrame]:
    """Tables as they are read, and the wide view without the column that SQL adds."""
    frames = {f"tables/{t}": frame for t, frame in source_named(project, name).tables().items()}
    wide = open_catalog(project.root, source=name).sql("SELECT * EXCLUDE (origin) FROM cells")
    return frames | {"cells": wide}


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("source", ["current", "theirs", "f-k"])
def test_csv_files(source: str, project: Project, tmp_path: Path) -> None:
    files = export_tables(project, tmp_path / "out", "csv", source)
    columns = read_csv(tmp_path / "out" / "columns.csv")
    frames = expected(project, source)
    assert set(files) == {*(f"{name}.csv" for name in frames), "columns.csv", "README.md"}
    for name, frame in frames.items():
        kinds = {row["column"]: KINDS[row["type"]] for row in columns if row["table"] == name}
        assert list(kinds) == frame.columns, name
        rows = read_csv(tmp_path / "out" / f"{name}.csv")
        assert len(rows) == frame.height
        for column, kind in kinds.items():
            parse = {
                "text": str, "integer": int, "real": float, "boolean": {"true": True, "false": False}.get
            }[kind]  # fmt: skip
            found = [None if row[column] == "" else parse(row[column]) for row in rows]
            assert found == frame[column].to_list(), (name, column)
        types = {row["column"]: row["type"] for row in columns if row["table"] == name}
        by_duckdb = duckdb.sql(
            f"FROM read_csv('{tmp_path}/out/{name}.csv', header=true, columns={types})"
        ).pl()
        assert_frame_equal(by_duckdb, frame)


@pytest.mark.parametrize("source", ["current", "theirs", "f-k"])
def test_parquet_files(source: str, project: Project, tmp_path: Path) -> None:
    export_tables(project, tmp_path / "out", "parquet", source)
    frames = expected(project, source)
    for name, frame in frames.items():
        path = tmp_path / "out" / f"{name}.parquet"
        assert_frame_equal(pl.read_parquet(path), frame)
        assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(frame.height,)]
    for name, frame in read_tables(tmp_path / "out" / "tables").items():  # by its manifest
        assert_frame_equal(frame, frames[f"tables/{name}"])
    if source != "theirs":
        folder = project.catalog if source == "current" else project.collected / "f-k"
        for path in folder.glob("*.parquet"):
            assert (tmp_path / "out" / "tables" / path.name).read_bytes() == path.read_bytes()


def test_published_results_are_exported_with_their_phases(project: Project, tmp_path: Path) -> None:
    assert read_tables(project.imports / "theirs")["phases"].is_empty()
    export_tables(project, tmp_path / "out", "parquet", "theirs")
    assert pl.read_parquet(tmp_path / "out" / "tables" / "phases.parquet").height == 6
    assert pl.read_parquet(tmp_path / "out" / "cells.parquet")["phase"].null_count() == 0


def test_every_column_has_a_meaning(project: Project, tmp_path: Path) -> None:
    export_tables(project, tmp_path / "out", "csv", "current")
    columns = read_csv(tmp_path / "out" / "columns.csv")
    declared = [(f"tables/{t}", c.name, c.meaning) for t in TABLES for c in TABLES[t].columns]
    found = [(row["table"], row["column"], row["meaning"]) for row in columns]
    assert found[-len(declared) :] == declared
    assert all(row["meaning"] for row in columns)
    assert not any(row["column"] == "origin" for row in columns)
    units = {row["column"]: row["unit"] for row in columns if row["table"] == "cells"}
    assert (units["test_accuracy"], units["test_accuracy_sd"], units["test_accuracy_n"]) == (
        "%", "%", "",
    )  # fmt: skip
    readme = (tmp_path / "out" / "README.md").read_text()
    for name in TABLES:
        assert f"| `{name}` | {OWN[name].height:,} |" in readme


TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(TEXTS, NUMBERS, st.none() | st.integers(-(2**63), 2**63 - 1))))
def test_any_value_survives_csv(rows: list[tuple]) -> None:
    schema = {"text": pl.String, "real": pl.Float64, "integer": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    content = as_csv(frame)
    assert_frame_equal(pl.read_csv(io.BytesIO(content), schema=schema), frame)
    read = list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]
    assert [row[0] for row in read] == [text or "" for text, _, _ in rows]
    assert [float(row[1]) if row[1] else None for row in read] == [real for _, real, _ in rows]


def test_what_cannot_be_exported(project: Project, tmp_path: Path) -> None:
    def refused(error: type[Exception], words: str, source: str = "current") -> None:
        with pytest.raises(error, match=words):
            export_tables(project, tmp_path / "out", "csv", source)
        assert not (tmp_path / "out").exists()

    refused(UserError, "there is no source 'other'; there are current, theirs, f-k", "other")
    refused(UserError, "there is no source 'all'", "all")
    (project.import_settings / "theirs.yaml").write_text("classify: {rule: other}\n")
    refused(UserError, "imports/theirs.yaml", "theirs")
    path = project.catalog / "cells.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    refused(DamagedFileError, r"cells\.parquet is damaged; `dvc repro` rebuilds it")
    (project.catalog / "manifest.json").unlink()
    refused(MissingArtifactError, "there is no catalog yet")
    empty = {n: pl.DataFrame(schema={c.name: TYPES[c.kind] for c in t.columns}) for n, t in TABLES.items()}  # fmt: skip
    write_source(project.collected / "empty", empty)
    refused(DamagedFileError, "it has 0 experiments", "empty")
