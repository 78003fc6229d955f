"""SQL on the catalog: what a query sees, its limits, and the names of its columns."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest

from landscape_catalog.catalog import TABLES, Limits, packed_tables, read_tables
from landscape_catalog.catalog.limits import run_within
from landscape_catalog.catalog.tables import TYPES
from landscape_catalog.catalog.views import VIEWS
from landscape_catalog.commands.sql import answer, memory_limit
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, QueryError
from tests.catalog.asking import ask

ENDLESS = "SELECT count(*) FROM range(1000000000000) t(x) WHERE x % 7 = random()"


def empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema={column: TYPES[kind] for column, kind, _, _ in TABLES[name].columns})


def write_tables(folder: Path, **changed: pl.DataFrame) -> Path:
    """A catalog of empty tables, but for these."""
    folder.mkdir(parents=True)
    frames = {name: changed.get(name, empty(name)) for name in TABLES}
    for name, content in packed_tables(frames).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("project") / "data" / "catalog")


def records(text: str, form: str) -> list[list[str]]:
    """Header and rows of an answer, as text."""
    if form == "csv":
        return list(csv.reader(io.StringIO(text)))
    if form == "json":
        rows = json.loads(text, object_pairs_hook=list)
        header = [name for name, _ in rows[0]]
        return [header, *([str(value) for _, value in row] for row in rows)]
    lines = [line for line in text.splitlines() if line[0] in "│|"]
    return [[cell.strip() for cell in line[1:-1].replace("|", "┆").split("┆")] for line in lines]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 AS a, 2 AS a", ["a a_1", "1 2"]),
        ("SELECT 1 AS a, 2 AS a, 3 AS a, 4 AS b", ["a a_1 a_2 b", "1 2 3 4"]),
        ("SELECT 1 AS a, 2 AS a, 3 AS a_1", ["a a_2 a_1", "1 2 3"]),
        ("SELECT 1 AS a, 2 AS A", ["a A", "1 2"]),
        ('SELECT 1 AS "#2", 2 AS b', ["#2 b", "1 2"]),
        ("SELECT l.x, r.x FROM (SELECT 1 AS x) l, (SELECT 2 AS x) r", ["x x_1", "1 2"]),
        ("SELECT * FROM (SELECT 1 AS x) l, (SELECT 2 AS x) r", ["x x_1", "1 2"]),
        ("SELECT [1] AS a, [2] AS a", ["a a_1", "[1] [2]"]),  # cast to text
        ("SELECT 1 AS a, DATE '2020-01-02' AS a, 3 AS a", ["a a_1 a_2", "1 2020-01-02 3"]),
        ('SELECT 5 AS """q""", 6 AS """q"""', ['"q" "q"_1', "5 6"]),
    ],
)
def test_columns_are_told_apart_by_position(sql: str, expected: list[str], tables: Path) -> None:
    root, rows = tables.parent.parent, [line.split() for line in expected]
    forms = ("table", "csv", "json") if sql.startswith("SELECT 1 AS a, ") else ("csv",)
    assert [records(answer(root, sql, form), form) for form in forms] == [rows] * len(forms)
    assert ask(sql, tables=tables).columns == rows[0]


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA table_info('cells')", "pragma table_info(cells)", "  PRAGMA show_tables", "CALL show_tables()",
        "PRAGMA show('cells')", "SHOW COLUMNS FROM cells", "show create table cells", ".tables",
        ".schema cells", "\\d cells", "\\dt", "help",
    ],
)  # fmt: skip
def test_other_ways_to_list_tables_and_columns_are_answered_with_the_right_one(
    sql: str, tables: Path
) -> None:
    with pytest.raises(QueryError, match="`SHOW TABLES` lists the tables, and `DESCRIBE cells`"):
        ask(sql, tables=tables)


def test_tables_and_columns_are_listed(tables: Path) -> None:
    shown = set(ask("SHOW TABLES", tables=tables)["name"])
    assert shown == {*TABLES, "sources", *VIEWS}
    columns = ask("DESCRIBE runs", tables=tables)["column_name"].to_list()
    assert columns == [*(name for name, *_ in TABLES["runs"].columns), "origin"]
    assert "SHOW TABLES" not in refusal_of("SELECT nothing FROM cells", tables)


def refusal_of(sql: str, tables: Path) -> str:
    with pytest.raises(QueryError) as caught:
        ask(sql, tables=tables)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SET threads = 1", "not a query"),
        ("RESET threads", "not a query"),
        ("SET VARIABLE x = 1", "not a query"),
        ("USE core", "not a query"),
        ("PRAGMA enable_profiling", "not a query"),
        ("CALL enable_logging('QueryLog')", "not a query"),
        ("CALL pragma_version()", "not a query"),
        ("CHECKPOINT", "not a query"),
        ("ATTACH ':memory:' AS other", "not a query"),
        ("LOAD json", "not a query"),
        ("BEGIN", "not a query"),
        ("PREPARE p AS SELECT 1", "not a query"),
        ("INSERT INTO core.runs (run_id) VALUES ('x') RETURNING *", "not a query"),
        ("FROM enable_logging('QueryLog')", "locked"),
        ("SELECT * FROM enable_profiling()", "locked"),
        ("EXPLAIN ANALYZE SET threads = 1", "locked"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'", "disabled by configuration"),
        ("FROM read_text('/etc/passwd')", "disabled by configuration"),
        ("FROM glob('/*')", "disabled by configuration"),
        ("FROM '/etc/passwd'", "does not exist"),
        ("FROM frames", "does not exist"),  # a variable of the function that asks
        ("FROM load_aws_credentials()", "not in the catalog"),
        ("-- nothing but a comment", "these are 0"),
        ("SELECT 1; SELECT 2", "these are 2"),
        ("SELECT '\0'", "null character, at 9"),
        ("SELECT '\udcff'", "not UTF-8 text"),
    ],
)
def test_what_is_refused(sql: str, words: str, tables: Path) -> None:
    with pytest.raises(QueryError, match=words):
        ask(sql, tables=tables)
    assert ask("SELECT 1", tables=tables).item() == 1


@pytest.mark.parametrize(
    "sql",
    ["-- a comment\nSELECT 1", "SELECT 1; -- the end", "SELECT ';é' ; /* ; */ ;", "SELECT 1 -- end;", "DESCRIBE runs", "SHOW TABLES", "TABLE runs",
     "EXPLAIN SELECT 1", "SUMMARIZE runs", "VALUES (1)", "(SELECT 1)", "WITH a AS (SELECT 1) FROM a",
     "PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)", "FROM core.runs"],
)  # fmt: skip
def test_what_is_a_query(sql: str, tables: Path) -> None:
    assert ask(sql, tables=tables, plain=True).width


def test_types_without_a_counterpart_are_refused_or_cast(tables: Path) -> None:
    for sql in ("SELECT INTERVAL 1 MONTH", "SELECT 1::UNION(a INT)"):
        assert ask(sql, tables=tables, plain=True).dtypes == [pl.String]
        with pytest.raises(QueryError, match="cast it to text"):
            ask(sql, tables=tables)


@pytest.mark.parametrize(
    ("sql", "limits", "words"),
    [
        (ENDLESS, Limits(0.3), "after 0.3 s, its time limit; `--timeout` sets it"),
        ("SELECT sleep_ms(60000)", Limits(0.3), "time limit"),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r",
            Limits(0.3),
            "time limit",
        ),
        ("SELECT list(x) FROM range(100000000) t(x)", Limits(30, 10**8), "its limit of 100 MB"),
        ("SELECT x, x + 1 FROM range(100000000) t(x)", Limits(30, 10**8), "more memory"),
        ("SELECT repeat('x', 400000000)", Limits(30, 10**8), "more memory"),
        ("SELECT 1", Limits(30, 1000), "limit of 1 kB"),
    ],
)
def test_limits_of_time_and_memory(sql: str, limits: Limits, words: str, tables: Path) -> None:
    started = time.monotonic()
    with pytest.raises(QueryError, match=words):
        ask(sql, tables=tables, limits=limits)
    assert time.monotonic() - started < 20
    assert ask("SELECT 1", tables=tables, limits=Limits(60, 10**9)).item() == 1


@pytest.mark.parametrize("limits", [(0, None), (-1, None), (float("nan"), None), (None, 0)])
def test_limits_that_are_none(limits: tuple[float | None, int | None]) -> None:
    with pytest.raises(QueryError, match="must be more than 0"):
        Limits(*limits)


def test_an_interruption_stops_the_query() -> None:
    """A Ctrl-C reaches the thread that waits, whatever it waits for."""
    connection = duckdb.connect(":memory:")

    class Impatient(Limits):
        def out_of_time(self) -> QueryError:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_within(Impatient(0.2), lambda: connection.execute(ENDLESS), connection.interrupt)
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("given", "size"),
    [("500MB", 5 * 10**8), ("2GiB", 2**31), ("1.5 GB", 15 * 10**8), ("10b", 10), ("1TB", 10**12)],
)
def test_memory_sizes(given: str, size: int) -> None:
    assert memory_limit(given) == size
    assert memory_limit(None) > 10**8


@pytest.mark.parametrize("given", ["", "1", "GB", "-1GB", "1e9", "lots", "1 PB", "\x1b[31m"])
def test_what_is_no_memory_size(given: str) -> None:
    with pytest.raises(QueryError, match="--memory: got"):
        memory_limit(given)


def other_version(frame: pl.DataFrame, how: str) -> pl.DataFrame:
    return {
        "without": frame.drop("seed"),
        "more": frame.with_columns(added=1),
        "kind": frame.with_columns(pl.col("seed").cast(pl.String)),
        "order": frame.select(frame.columns[::-1]),
    }[how]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("without", "table `runs` has no column `seed`"),
        ("more", "`added` in table `runs` is Int32"),
        ("kind", "`seed` in table `runs` is String"),
        ("order", "another order of columns"),
    ],
)
def test_a_catalog_of_another_version(how: str, words: str, tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "catalog", runs=other_version(empty("runs"), how))
    with pytest.raises(MissingArtifactError, match=r"another version.*`dvc repro`") as caught:
        ask("SELECT 1", tables=folder)
    assert words in str(caught.value)


def test_a_catalog_without_one_of_the_tables(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "catalog")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]["criteria.parquet"]
    text = json.dumps(manifest["sha256"], sort_keys=True).encode()
    manifest["fingerprint"] = hashlib.sha256(text).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MissingArtifactError, match="it has no table `criteria`"):
        read_tables(folder)


def test_a_table_that_is_no_parquet_file_is_damaged(tmp_path: Path) -> None:
    """Even if somebody wrote a manifest for it."""
    folder = write_tables(tmp_path / "catalog")
    (folder / "runs.parquet").write_bytes(b"PAR1 no more")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["runs.parquet"] = hashlib.sha256(b"PAR1 no more").hexdigest()
    text = json.dumps(manifest["sha256"], sort_keys=True).encode()
    manifest["fingerprint"] = hashlib.sha256(text).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedFileError, match=r"runs\.parquet is damaged"):
        read_tables(folder)


@pytest.mark.parametrize("content", [b"", b"no database", None])
def test_the_file_for_other_clients_has_no_part_in_an_answer(
    content: bytes | None, tables: Path, tmp_path: Path
) -> None:
    """Damaged, somebody else's, or absent."""
    shutil.copytree(tables, tmp_path / "data" / "catalog")
    file = tmp_path / "data" / "catalog.duckdb"
    if content is not None:
        file.write_bytes(content)
    else:
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE SCHEMA core; CREATE TABLE core.runs AS SELECT 'false' AS a")
    before = file.read_bytes()
    assert answer(tmp_path, "SELECT count(*) AS n FROM runs", "csv") == "n\n0\n"
    assert file.read_bytes() == before
