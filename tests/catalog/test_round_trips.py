"""Round trips of anything that records and tables can hold: JSON, Parquet, DuckDB and Polars."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import tempfile
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog import TABLES, build_database, packed_tables, query, read_tables
from landscape_catalog.catalog.origins import load
from landscape_catalog.catalog.sources import Source, current_source
from landscape_catalog.catalog.tables import ENUMERATIONS, SOURCES, frame_of
from landscape_catalog.metrics.metric import Metric
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.records import Record
from landscape_catalog.schema.tables import PAIR_KEY, Table
from landscape_catalog.store.artifacts import pack, read_sealed, sealed, unpack
from landscape_catalog.store.measurements import RECORDS, MeasurementRecord
from landscape_catalog.store.records import DataRecord, RunRecord
from tests.catalog.made_up import write_source
from tests.thorough import either

Row = dict[str, Any]
QUICK = settings(max_examples=either(5, 12), deadline=None, suppress_health_check=list(HealthCheck))
INT64 = (-(2**63), 2**63 - 1)
INTEGERS = st.integers(*INT64)
ODD = ["", "\0", "a\0b", "'", '"', "';--", "\n", "\r\n", "\t", "é", "e\u0301", "\U0001f600", "\u202e",
       "\ufeff", "null", "NaN", "0", " ", "\\", "{}", "%", "日本語", "\U0010ffff"]  # fmt: skip
TEXTS = st.sampled_from(ODD) | st.text(max_size=8)
REALS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    float: REALS, str: TEXTS, bool: st.booleans(), types.NoneType: st.none(), Any: JSON_VALUES,
}  # fmt: skip


def values_of(kind: Any, lowest: int = INT64[0]) -> st.SearchStrategy[Any]:
    """Anything of an annotated type, as the annotation says; integers from `lowest` on."""
    if kind is int:
        return st.integers(lowest, INT64[1])
    if kind in SIMPLE:
        return SIMPLE[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return values_of(args[0], lowest)
    if origin is Literal:
        return st.sampled_from(args)
    parts = [values_of(part, lowest) for part in args if part is not ...]
    if origin in (Union, types.UnionType):
        return st.one_of(parts)
    if origin is list:
        return st.lists(*parts, max_size=3)
    if origin is tuple:
        return st.lists(*parts, max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(*parts, max_size=2)
    return objects_of(kind, lowest)


def objects_of(kind: Any, lowest: int = INT64[0], **own: Any) -> st.SearchStrategy[Any]:
    """Any object of a dataclass or model, with strategies of one's own for some of its fields."""
    hints = typing.get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    else:
        names = list(kind.model_fields)
    parts = {name: values_of(hints[name], lowest) for name in names if name not in own}
    return st.builds(kind, **parts, **own)


def plain(value: Any) -> Any:
    """A value whose parts can be compared with `==`: floats by their bits, but all NaN as one."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, BaseModel):
        return plain(dict(value))
    if dataclasses.is_dataclass(value):
        return plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return (type(value).__name__, value)


def reread(record: Record) -> Record:
    """The record after it has been written and read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        path.write_bytes(sealed(record))
        json.loads(path.read_bytes(), parse_constant=pytest.fail)  # strict JSON
        return read_sealed(path, type(record))


def test_every_kind_of_record_is_tried() -> None:
    own = {one for one in Record.__subclasses__() if one.__module__.startswith("landscape_")}
    assert own == {DataRecord, RunRecord, MeasurementRecord}
    assert list(RECORDS) == ["data_record", "run_record", "measurement_record"]


@QUICK
@given(objects_of(DataRecord), objects_of(RunRecord))
def test_records_of_data_and_runs(data: DataRecord, run: RunRecord) -> None:
    assert plain(reread(data)) == plain(data)
    assert plain(reread(run)) == plain(run)


@pytest.mark.parametrize("name", METRICS)
@QUICK
@given(st.data())
def test_records_of_every_metric(name: str, data: st.DataObject) -> None:
    measured = objects_of(METRICS[name].result)
    record = data.draw(objects_of(MeasurementRecord, measured=measured))
    assert plain(reread(record)) == plain(record)


@QUICK
@given(st.dictionaries(st.text(min_size=1, max_size=5), st.lists(REALS, max_size=4), max_size=3))
def test_arrays_of_histories(history: dict[str, list[float]]) -> None:
    arrays = {
        name: pl.Series(values, dtype=pl.Float64).to_numpy() for name, values in history.items()
    }
    found = unpack(pack(arrays))
    assert plain({name: array.tolist() for name, array in found.items()}) == plain(history)


def rows_of(table: Table) -> st.SearchStrategy[list[Row]]:
    """Rows that a table may hold: values of the kinds of its columns, or null, with a key."""
    columns = {}
    for column in table.columns:
        kinds = {"text": TEXTS, "integer": INTEGERS, "real": REALS, "boolean": st.booleans()}
        values = kinds[column.kind]
        enumeration = table.enumerations.get(column.name)
        if enumeration is not None:
            values = st.sampled_from([*ENUMERATIONS[enumeration], "of a later version", "it's"])
        is_key = table.indexed and column.name in table.unique
        columns[column.name] = values if is_key else st.none() | values
    columns.pop("not_finite", None)  # written by `frame_of`
    key = (lambda row: tuple(row[name] for name in table.unique)) if table.indexed else None
    return st.lists(st.fixed_dictionaries(columns), max_size=3, unique_by=key)


EVERY_TABLE = st.fixed_dictionaries({name: rows_of(table) for name, table in TABLES.items()})
# Columns of errors that are NaN where an error is not known.
UNKNOWN = ("standard_error", "sd", "residual", "mode_connectivity_error")


def expected(table: Table, row: Row) -> Row:
    """What a catalog says of a row: null for what is not finite, and which columns these are."""
    names = [column.name for column in table.columns]
    words = {math.inf: "infinity", -math.inf: "-infinity"}
    found, odd = {}, []
    for name in names:
        value = row.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            is_unknown = math.isnan(value) and name.endswith(UNKNOWN)
            odd += [] if is_unknown else [f"{name}: {words.get(value, 'NaN')}"]
            value = None
        found[name] = value
    if "not_finite" in names:
        found["not_finite"] = ", ".join(odd) or None
    return found


def assert_same_rows(found: pl.DataFrame, rows: Sequence[Row], table: Table) -> None:
    """Whether a frame holds exactly these rows, whatever their order."""
    assert found.columns == [column.name for column in table.columns]
    ours = sorted((plain(row) for row in found.rows(named=True)), key=repr)
    assert ours == sorted((plain(expected(table, row)) for row in rows), key=repr)


@pytest.mark.slow
@settings(QUICK, max_examples=either(3, 6))
@given(EVERY_TABLE)
def test_rows_of_every_table(rows: dict[str, list[Row]]) -> None:
    """From rows to Parquet, DuckDB in memory, a DuckDB file, and Polars."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        frames = {name: frame_of(table, rows[name]) for name, table in TABLES.items()}
        folder = write_source(root / "data" / "catalog", frames)
        build_database(folder, root / "data" / "catalog.duckdb", root / "note.json")
        catalog, stored = open_catalog(root), read_tables(folder)
        with duckdb.connect(str(root / "data" / "catalog.duckdb"), read_only=True) as file:
            for table_name, table in TABLES.items():
                assert_same_rows(stored[table_name], rows[table_name], table)
                in_file = pl.from_arrow(file.sql(f"FROM core.{table_name}").to_arrow_table())
                assert isinstance(in_file, pl.DataFrame)
                in_file = in_file.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
                lazy = catalog.scan(table_name).collect()
                for frame in (in_file, lazy):
                    assert set(frame["origin"]) <= {"current"}
                    assert_same_rows(frame.drop("origin"), rows[table_name], table)
        for table_name in ("epochs", "estimates", "phases", "cell_metrics", "runs"):
            asked = catalog.sql(f"FROM core.{table_name}").drop("origin")
            assert_same_rows(asked, rows[table_name], TABLES[table_name])


@QUICK
@given(EVERY_TABLE)
def test_the_same_rows_give_the_same_bytes(rows: dict[str, list[Row]]) -> None:
    """Whatever is written, read and written again."""
    frames = {name: frame_of(table, rows[name]) for name, table in TABLES.items()}
    contents = packed_tables(frames)
    with tempfile.TemporaryDirectory() as name:
        folder = write_source(Path(name) / "catalog", frames)
        assert packed_tables(read_tables(folder)) == contents


FILLING = [name for name, metric in METRICS.items() if type(metric).rows is not Metric.rows]


@pytest.mark.parametrize("name", FILLING)
@QUICK
@given(st.data())
def test_from_a_record_to_an_answer(name: str, data: st.DataObject) -> None:
    """The numbers of a record as `aggregate` puts them into tables, asked in SQL."""
    metric = METRICS[name]
    measured = objects_of(metric.result, lowest=1)  # integers are counts
    record = data.draw(objects_of(MeasurementRecord, measured=measured))
    again = reread(record)
    assert isinstance(again, MeasurementRecord)
    keys = dict.fromkeys((column.name for column in PAIR_KEY), "x")
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    for table, found in metric.rows("primary", [again.measured]).items():
        own = [column.name for column in TABLES[table].columns]
        rows[table] += [{k: v for k, v in (keys | row).items() if k in own} for row in found]
    frames = {table: frame_of(TABLES[table], rows[table]) for table in TABLES}
    with tempfile.TemporaryDirectory() as folder:
        source = current_source(write_source(Path(folder) / "catalog", frames))
        for table in rows:
            if rows[table]:
                asked = query(f"FROM core.{table}", sources=[source]).drop("origin")
                assert_same_rows(asked, rows[table], TABLES[table])


PLACE = st.dictionaries(
    st.sampled_from(
        ["repository", "revision", "path", "file", "citation", "url", "note", "unknown"]
    ),
    TEXTS,
    max_size=4,
)


@QUICK
@given(st.lists(st.tuples(PLACE, st.lists(TEXTS, max_size=3)), max_size=3))
def test_where_results_were_found(places: list[tuple[dict[str, str], list[str]]]) -> None:
    """From `source.json` to the table `sources`."""
    frames = {name: frame_of(table, []) for name, table in TABLES.items()}
    with tempfile.TemporaryDirectory() as folder:
        kept = write_source(Path(folder) / "theirs", frames)
        content = {"places": [place | {"refs": refs} for place, refs in places]}
        (kept / "source.json").write_text(json.dumps(content))
        source = Source("theirs", "collected", kept)
        asked = query("FROM sources", sources=[source])
        assert asked.equals(load([source]).sources)
    known = [column.name for column in SOURCES.columns]
    expected_rows = [
        {name: place.get(name) for name in known if name in ("repository", "revision", "path",
         "file", "citation", "url", "note")} | {"refs": refs}
        for place, refs in places
    ]  # fmt: skip
    found = [
        {name: row[name] for name in expected_rows[0]} | {"refs": json.loads(row["refs"])}
        for row in asked.rows(named=True)
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, expected_rows))
