"""SQL on several sources stays read-only and closed, and sources are only those of the project."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.commands.sql import answer, source_name
from landscape_catalog.errors import MissingArtifactError, QueryError
from tests.catalog.made_up import MadeUpCell, made_up_tables, write_source
from tests.catalog.rich import import_published

COUNT = "SELECT count(DISTINCT origin) AS n FROM cells"
NO_QUERY = "this statement is not a query"
CLOSED = "disabled by configuration|disabled through configuration"
ABSENT = "does not exist"
LOCKED = "configuration has been locked"
ONE = "exactly one SQL statement"

# What is asked, and what the refusal says.
REFUSED = {
    "files as tables": (
        f"{CLOSED}|{ABSENT}",
        [
            "FROM 'data/x.csv'", "FROM \"data/x.csv\"", "SELECT * FROM 'data/*.csv'", "FROM '/etc/passwd'",
            "FROM 'data/imports/published/cells.parquet'", "FROM 'data/x.csv' JOIN cells ON true",
            "WITH a AS (FROM 'data/x.csv') FROM a", "DESCRIBE 'data/x.csv'", "SUMMARIZE 'data/x.csv'",
            "FROM 'https://example.org/x.csv'", "FROM 's3://bucket/x.parquet'", "FROM 'hf://datasets/x/y.csv'",
            "FROM 'other.duckdb'", "FROM \"file:data/x.csv\"",
        ],
    ),
    "functions that read files": (
        CLOSED,
        [
            "FROM read_csv('data/x.csv')", "FROM sniff_csv('data/x.csv')",
            "FROM read_csv(['data/x.csv', '/etc/passwd'])", "FROM read_parquet('data/imports/*/cells.parquet')",
            "FROM parquet_scan('data/hidden.parquet')", "FROM parquet_metadata('data/hidden.parquet')",
            "FROM read_text('/etc/passwd')", "FROM read_blob('/proc/self/environ')", "FROM read_json('x.json')",
            "FROM glob('/*')", "FROM read_csv('https://example.org/x.csv')", "FROM read_csv('ls |')",
            "SELECT content FROM read_text('/etc/' || 'passwd')", "FROM duckdb_secrets()",
        ],
    ),
    "queries in text": (
        f"{CLOSED}|{ABSENT}|Expected a single SELECT statement",
        [
            "FROM query('SELECT * FROM read_csv(''data/x.csv'')')", "FROM query('FROM ''data/x.csv''')",
            "FROM query_table('data/x.csv')", "FROM query_table(['data/x.csv', 'cells'])",
            "FROM query('DROP TABLE core.cells')", "FROM query('COPY core.cells TO ''out.csv''')",
            "FROM query('ATTACH ''other.duckdb''')",
        ],
    ),
    "writing": (
        NO_QUERY,
        [
            "COPY cells TO 'out.csv'", "COPY (FROM cells) TO 'out.parquet' (FORMAT parquet)",
            "COPY cells FROM 'data/x.csv'", "COPY FROM DATABASE memory TO other", "EXPORT DATABASE 'out'",
            "IMPORT DATABASE 'out'", "CREATE TABLE t AS FROM cells", "CREATE VIEW v AS SELECT 1",
            "CREATE OR REPLACE VIEW cells AS SELECT 1", "CREATE SCHEMA s", "CREATE MACRO m() AS 1",
            "CREATE TYPE t AS ENUM ('a')", "CREATE SECRET s (TYPE s3)",
            "INSERT INTO core.sources (name) VALUES ('x')",
            "INSERT INTO core.runs (run_id) VALUES ('x') RETURNING *", "UPDATE core.cells SET width = 1",
            "DELETE FROM core.phases", "DROP TABLE core.cells", "ALTER TABLE core.cells ADD COLUMN a INT",
            "MERGE INTO core.runs USING cells ON true WHEN MATCHED THEN DELETE",
            "COMMENT ON TABLE core.cells IS 'x'",
        ],
    ),
    "opening other databases and extensions": (
        NO_QUERY,
        [
            "ATTACH 'other.duckdb'", "ATTACH 'other.duckdb' AS o (READ_ONLY)", "ATTACH ':memory:' AS m",
            "DETACH memory", "USE core", "INSTALL httpfs", "FORCE INSTALL httpfs FROM community", "LOAD httpfs",
            "LOAD 'x.duckdb_extension'", "UPDATE EXTENSIONS",
        ],
    ),
    "settings": (
        NO_QUERY,
        [
            "SET enable_external_access = true", "SET GLOBAL memory_limit = '1TB'", "RESET lock_configuration",
            "PRAGMA enable_profiling", "PRAGMA database_list", "CALL enable_logging('QueryLog')",
        ],
    ),
    "settings by functions": (
        LOCKED,
        [
            "FROM enable_logging(storage = 'file', storage_path = 'out')", "FROM enable_profiling()",
            "EXPLAIN ANALYZE SET threads = 1",
        ],
    ),
    "effects behind EXPLAIN ANALYZE": (
        f"{CLOSED}|{LOCKED}|{NO_QUERY}",
        [
            "EXPLAIN ANALYZE COPY cells TO 'out.csv'", "EXPLAIN ANALYZE FROM read_csv('data/x.csv')",
            "EXPLAIN FROM read_text('/etc/passwd')",
        ],
    ),
    "functions of clients and extensions": (
        f"{ABSENT}|not in the catalog|{CLOSED}",
        [
            "SELECT getenv('HOME')", "SELECT shell('id')", "FROM load_aws_credentials()",
            "FROM sqlite_scan('other.db', 't')", "FROM postgres_scan('', '', 't')", "FROM read_xlsx('x.xlsx')",
            "FROM delta_scan('data')", "SELECT http_get('https://example.org')",
        ],
    ),
    "several statements": (
        ONE,
        [
            "SELECT 1; SELECT 2", "FROM cells; DROP TABLE core.cells", "SET threads = 1; SELECT 1",
            "BEGIN; SELECT 1; COMMIT", "SELECT 1;; ATTACH 'other.duckdb'", "-- nothing", "",
        ],
    ),
    "transactions and prepared statements": (
        NO_QUERY,
        [
            "BEGIN", "PREPARE p AS SELECT 1", "EXECUTE p",
        ],
    ),
}  # fmt: skip


def cells(accuracy: float) -> list[MadeUpCell]:
    return [MadeUpCell({"load.width": w}, {"test_accuracy": accuracy + w}) for w in (1, 2, 4)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a current experiment, an import and something collected, among other files."""
    root = tmp_path_factory.mktemp("outside") / "project"
    write_source(root / "data" / "catalog", made_up_tables(cells(70.0)))
    write_source(
        root / "data" / "collected" / "theirs", made_up_tables(cells(60.0), experiment_id="x")
    )
    import_published(root, tmp_path_factory.mktemp("files"))
    (root / "data" / "x.csv").write_text("a,b\n1,password\n")
    (root / "x.json").write_text('[{"a": "password"}]\n')
    pl.DataFrame({"a": ["password"]}).write_parquet(root / "data" / "hidden.parquet")
    with duckdb.connect(str(root / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 'password' AS a")
    # what a name that leaves the project would reach
    shutil.copytree(root / "data" / "collected" / "theirs", root.parent / "x")
    shutil.copytree(
        root / "data" / "collected" / "theirs", root / "data" / "collected" / ".tmp-left"
    )
    return root


def contents(root: Path) -> dict[str, str]:
    """Every file around the project, by a hash of what is in it."""
    files = (path for path in root.parent.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def unchanged(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the project's folder, in which no file may come, go or change."""
    monkeypatch.chdir(root)
    before = contents(root)
    yield
    assert contents(root) == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("kind", REFUSED)
def test_refused_on_all_sources(kind: str, root: Path) -> None:
    words, every = REFUSED[kind]
    for sql in every:
        with pytest.raises(QueryError, match=words) as caught:
            open_catalog(root, source="all").sql(sql, plain=True)
        assert "password" not in str(caught.value), sql


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("source", ["published", "theirs"])
def test_refused_on_each_source(source: str, root: Path) -> None:
    for kind in ("files as tables", "functions that read files", "writing", "settings"):
        words, every = REFUSED[kind]
        with pytest.raises(QueryError, match=words):
            open_catalog(root, source=source).sql(every[0], plain=True)
    found = open_catalog(root, source=source).sql("SELECT DISTINCT origin FROM cells")
    assert found.item() == source


@pytest.mark.usefixtures("unchanged")
def test_what_is_answered(root: Path) -> None:
    """Text with a query about the tables is one about the tables, and functions without effects."""
    catalog = open_catalog(root, source="all")
    assert catalog.sql(COUNT).item() == 3
    assert catalog.sql(f"FROM query('{COUNT}')").item() == 3
    assert catalog.sql("SELECT count(*) FROM query_table('cells')").item() == 3 + 3 + 12
    assert catalog.sql("SELECT getvariable('x')").item() is None
    settings = dict(catalog.sql("SELECT name, value FROM duckdb_settings()").rows())
    assert settings["enable_external_access"] == "false"
    assert settings["lock_configuration"] == "true"


NO_NAMES = [
    "", " ", ".", "..", "../x", "../../x", "/etc", "*", "the*", "theirs/", "./theirs", "collected/theirs",
    "../collected/theirs", "THEIRS", "published.yaml", ".tmp-left", "it's", '"', "theirs'; DROP TABLE core.runs; --",
    "a\0b", "\udcff", "é", "x" * 5000, "currentx", "None",
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", NO_NAMES)
def test_names_that_are_no_source(name: str, root: Path) -> None:
    for call in (
        lambda: open_catalog(root, source=name),
        lambda: answer(root, "SELECT 1", "csv", source=name),
    ):
        with pytest.raises(
            QueryError, match=r"there is no source .*; there are current, published, theirs"
        ) as caught:
            call()
        assert len(str(caught.value)) < 400
        assert "\0" not in str(caught.value)


def test_all_and_one_exclude_each_other() -> None:
    assert [source_name(None, True), source_name(None, False), source_name("x", False)] == [
        "all",
        "current",
        "x",
    ]
    with pytest.raises(QueryError, match="--all or --source, not both"):
        source_name("published", True)


def test_without_a_current_catalog(root: Path, tmp_path: Path) -> None:
    """`current` is missing, and `all` is what there is."""
    other = tmp_path / "project"
    shutil.copytree(root, other)
    shutil.rmtree(other / "data" / "catalog")
    with pytest.raises(MissingArtifactError, match="there is no catalog yet"):
        open_catalog(other)
    assert open_catalog(other, source="all").sql(COUNT).item() == 2
    for name in ("imports", "collected"):
        shutil.rmtree(other / "data" / name)
    with pytest.raises(MissingArtifactError, match="there is nothing to ask"):
        open_catalog(other, source="all")


ODD_FOLDERS = ["it's", 'a "b"', "x'); DROP TABLE core.runs; --", "e\u0301 日本", "-x", "%s", "$1"]


def test_folders_with_odd_names(tmp_path: Path) -> None:
    """Their names are values of `origin`, never SQL."""
    for number, name in enumerate(ODD_FOLDERS):
        folder = tmp_path / "data" / "collected" / name
        write_source(folder, made_up_tables(cells(float(number))))
    everything = open_catalog(tmp_path, source="all")
    found = dict(everything.sql("SELECT origin, test_accuracy FROM cells WHERE width = 1").rows())
    assert found == {name: number + 1.0 for number, name in enumerate(ODD_FOLDERS)}
    name = ODD_FOLDERS[2]
    assert (
        open_catalog(tmp_path, source=name).sql("SELECT DISTINCT origin FROM cells").item() == name
    )


@pytest.mark.parametrize(
    "place", ["collected/current", "collected/all", "imports/all", "collected/published"]
)
def test_a_name_stands_for_one_source(place: str, root: Path, tmp_path: Path) -> None:
    """Otherwise the rows of one would be taken for those of the other."""
    other = tmp_path / "project"
    shutil.copytree(root, other)
    write_source(other / "data" / place, made_up_tables(cells(1.0)))
    for source in ("all", "published"):
        with pytest.raises(QueryError, match=f"{place} has a name that stands for something else"):
            open_catalog(other, source=source)
    assert open_catalog(other).sql(COUNT).item() == 1


def test_values_of_enumerations_are_no_sql(root: Path, tmp_path: Path) -> None:
    """Phases that somebody else's catalog has become values, whatever is in them."""
    odd = ["x'); DROP TABLE core.runs; --", "it's", "", "I\n", "\U0001f600", "NULL"]
    wanted = [MadeUpCell({"load.width": i}, phase=name) for i, name in enumerate(odd)]
    write_source(tmp_path / "data" / "collected" / "theirs", made_up_tables(wanted))
    catalog = open_catalog(tmp_path, source="all")
    assert catalog.sql("SELECT phase FROM cells ORDER BY width")["phase"].to_list() == odd
    assert catalog.sql("SELECT count(*) FROM runs").item() == 0
