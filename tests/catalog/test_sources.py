"""Several sources of results as one catalog."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.origins import load
from landscape_catalog.catalog.sources import find_sources, source_named
from landscape_catalog.errors import DamagedFileError, LandscapeError, QueryError, SpecError
from landscape_catalog.paths import Project
from tests.catalog.source_folders import (
    GRID,
    identified,
    published,
    write_import,
    write_source,
)

OWN = identified(GRID.tables(), "e")
PUBLISHED = published(OWN, "p")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A current experiment, an import, and one that was collected from two branches."""
    project = Project(tmp_path)
    write_source(project.catalog, OWN)
    write_import(project, "theirs", PUBLISHED)
    places = [{"revision": f"c{i}", "refs": [f"branch-{i}"]} for i in range(2)]
    write_source(project.collected / "f-l", identified(OWN, "f", "l"), *places)
    return project


def ask(project: Project, sql: str, source: str = "all") -> list[tuple]:
    return open_catalog(project.root, source=source).sql(sql).rows()


def test_every_row_says_where_it_came_from(project: Project) -> None:
    sources = [source.name for source in find_sources(project)]
    assert sources == ["current", "theirs", "f-l"]
    for table, frame in OWN.items():
        if frame.is_empty() or table in ("phases", "phase_probabilities", "criteria"):
            continue
        counted = ask(project, f"SELECT origin, count(*) FROM core.{table} GROUP BY 1 ORDER BY 1")
        assert counted == [(name, frame.height) for name in sorted(sources)], table
    found = ask(project, "SELECT name, kind, experiment_id, refs FROM sources ORDER BY name, refs")
    assert found == [
        ("current", "current", "e", None),
        ("f-l", "collected", "f", '["branch-0"]'),
        ("f-l", "collected", "f", '["branch-1"]'),
        ("theirs", "imported", "p", None),
    ]


def test_cells_are_not_multiplied(project: Project) -> None:
    n = OWN["cells"].height
    counted = ask(project, "SELECT origin, count(*), count(phase) FROM cells GROUP BY 1 ORDER BY 1")
    assert counted == [("current", n, n), ("f-l", n, n), ("theirs", n, n)]


@pytest.mark.parametrize("source", ["current", "theirs", "f-l"])
def test_one_source_alone(project: Project, source: str) -> None:
    assert ask(project, "SELECT DISTINCT origin FROM cells", source) == [(source,)]
    assert ask(project, "SELECT DISTINCT origin FROM sources", source) == [(source,)]
    catalog = open_catalog(project.root, source=source)
    assert set(catalog.table("cell_metrics")["origin"]) == {source}
    assert catalog.scan("cells").collect().height == OWN["cells"].height
    (row,) = catalog.experiments().rows(named=True)
    assert row["origin"] == source
    assert row["phases"]


def test_equal_content_is_loaded_once(project: Project) -> None:
    write_source(project.collected / "e-k", OWN, {"revision": "c3"})
    write_import(project, "again", PUBLISHED)
    assert ask(project, "SELECT DISTINCT origin FROM cells ORDER BY 1") == [
        ("again",),
        ("current",),
        ("f-l",),
    ]
    found = ask(project, "SELECT name, origin FROM sources ORDER BY name, revision")
    assert found == [
        ("again", "again"),
        ("current", "current"),
        ("e-k", "current"),
        ("f-l", "f-l"),
        ("f-l", "f-l"),
        ("theirs", "again"),
    ]


def test_an_import_that_has_its_formats_name_keeps_its_origin(project: Project) -> None:
    for name in ("table", "a_twin"):  # `write_import` writes the format `table`
        write_import(project, name, published(OWN, "t"))
    assert ask(
        project, "SELECT name, origin FROM sources WHERE experiment_id = 't' ORDER BY 1"
    ) == [
        ("a_twin", "table"),
        ("table", "table"),
    ]


DIFFERENCE = "SELECT count(*) FROM experiment_diff({})"


def test_experiments_are_named_by_any_of_their_names(project: Project) -> None:
    write_import(project, "again", PUBLISHED)
    n = ask(project, DIFFERENCE.format("'theirs', 'f-l'"))
    assert n > [(0,)]
    for first in ("theirs", "again", "p"):
        assert ask(project, DIFFERENCE.format(f"'{first}', 'f'")) == n
    write_import(project, "strict", PUBLISHED, "classify: {train_loss: 1e-9}")
    assert ask(project, DIFFERENCE.format("'strict', 'theirs'")) == n
    for arguments, words in (
        ("'p', 'f'", "'p' is the id of several; name one by its origin"),
        ("'theirs', 'p'", "'p' is the id of several"),
        ("'theirs', NULL", "no experiment 'NULL' here"),
        ("'nobody', 'f'", "no experiment 'nobody' here"),
    ):
        with pytest.raises(QueryError, match=words):
            ask(project, DIFFERENCE.format(arguments))


def test_the_wide_view_has_every_metric_in_the_data(project: Project) -> None:
    other = OWN["cell_metrics"].filter(pl.col("metric") == "cka")
    names = ["rfi_width", 'custom.a.b"c', "it's"]
    more = [other.with_columns(pl.lit(name).alias("metric")) for name in names]
    tables = {**published(OWN, "w"), "cell_metrics": pl.concat([OWN["cell_metrics"], *more])}
    write_import(project, "wide", identified(tables, "w", None))
    for name in names:
        quoted = name.replace('"', '""')
        rows = ask(project, f'SELECT cka, "{quoted}", "{quoted}_status" FROM cells', "wide")
        assert rows
        assert all(one == another for one, another, _ in rows)
    assert "rfi_width" not in open_catalog(project.root).cells.columns


def test_one_file_classified_in_two_ways_is_two_classifications(project: Project) -> None:
    write_import(project, "strict", PUBLISHED, "classify: {train_loss: 1e-9}")
    rows = ask(
        project,
        "SELECT experiment_id, classification_id FROM experiments WHERE experiment_id = 'p'",
    )
    assert len(rows) == len(set(rows)) == 2
    flat = "SELECT count(*) FILTER (phase IN ('III', 'IV-A', 'IV-B')) FROM cells"
    assert ask(project, flat, "strict") == [(0,)]
    assert ask(project, flat, "theirs") > [(0,)]


def test_without_a_current_experiment(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with pytest.raises(LandscapeError, match=r"nothing to ask.*`landscape import`"):
        open_catalog(tmp_path, source="all")
    write_import(project, "theirs", PUBLISHED)
    assert ask(project, "SELECT DISTINCT origin FROM cells") == [("theirs",)]
    with pytest.raises(LandscapeError, match="no catalog yet"):
        open_catalog(tmp_path)


def test_folders_that_are_no_sources_are_ignored(project: Project) -> None:
    for name in (".tmp-1", "empty"):
        (project.imports / name).mkdir()
    (project.imports / "theirs.dvc").write_text("outs: []\n")
    (project.imports / ".gitignore").write_text("/theirs\n")
    assert [source.name for source in find_sources(project)] == ["current", "theirs", "f-l"]


@pytest.mark.parametrize("name", ["", "nobody", "../catalog", "theirs/", "'; DROP TABLE x", "ALL"])
def test_an_unknown_source(project: Project, name: str) -> None:
    with pytest.raises(QueryError, match="there are current, theirs, f-l"):
        open_catalog(project.root, source=name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (None, r"imports/theirs.yaml:\n  \(file\): got no file"),
        ("", r"imports/theirs.yaml:\n  \(file\): got an empty file"),
        ("report: {title: x}", "classify: this key is required"),
        ("classify: {cka: {threshold: 2}}", "classify.cka.threshold: got 2"),
        ("classify: {}\nreports: {}", "reports: got an unknown key"),
        ("classify: {rule: nobody1999}", "classify.rule"),
    ],
)
def test_settings_of_an_import_that_are_refused(
    project: Project, settings: str | None, words: str
) -> None:
    path = project.import_settings / "theirs.yaml"
    path.unlink()
    if settings is not None:
        path.write_text(settings)
    with pytest.raises(SpecError, match=words):
        ask(project, "SELECT phase FROM cells")
    assert ask(project, "SELECT count(*) FROM cells", "current")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"places": 1}', b'{"places": [1]}', b"\xff"]
)
def test_a_damaged_list_of_places(project: Project, content: bytes) -> None:
    path = project.collected / "f-l" / "source.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"source.json is damaged; collect it again; if"):
        ask(project, "SELECT * FROM sources")


def test_a_damaged_table_says_how_to_mend_it(project: Project) -> None:
    (project.imports / "theirs" / "cells.parquet").write_bytes(b"PAR1")
    with pytest.raises(DamagedFileError, match=r"cells.parquet is damaged; import it again"):
        ask(project, "SELECT * FROM cells")
    assert ask(project, "SELECT count(*) FROM runs")  # a query reads only what it needs


def test_nothing_is_written(project: Project) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*")}
    ask(project, "SELECT * FROM double_descent")
    assert {path: path.stat().st_mtime_ns for path in project.root.rglob("*")} == before


def test_phases_of_unknown_rules_are_values_of_the_enumeration(project: Project) -> None:
    tables = identified(OWN, "g")
    tables["phases"] = tables["phases"].with_columns(pl.lit("V").alias("phase"))
    write_source(project.collected / "g-k", tables)
    rows = ask(project, "SELECT DISTINCT phase FROM cells WHERE origin = 'g-k'")
    assert rows == [("V",)]


def test_published_logarithms_become_metrics_of_the_natural_scale(project: Project) -> None:
    tables = published(OWN, "q")
    logarithms = tables["cell_metrics"].with_columns(
        pl.when(pl.col("metric") == "top_eigenvalue")
        .then(pl.col("mean").log())
        .otherwise(pl.col("mean"))
        .alias("mean"),
        pl.col("metric").replace({"top_eigenvalue": "log_top_eigenvalue"}),
    )
    write_import(project, "logs", {**tables, "cell_metrics": logarithms.sort("cell_id", "metric")})
    wide = "SELECT cell_id, top_eigenvalue, phase FROM cells ORDER BY cell_id"
    found = open_catalog(project.root, source="logs").sql(wide)
    expected = open_catalog(project.root, source="theirs").sql(wide)
    assert_frame_equal(found, expected, rel_tol=1e-12)
    stored = source_named(project, "logs").tables(["cell_metrics"])["cell_metrics"]
    assert {"log_top_eigenvalue", "top_eigenvalue"} <= set(stored["metric"])
    raw = pl.read_parquet(project.imports / "logs" / "cell_metrics.parquet")
    assert "top_eigenvalue" not in set(raw["metric"])


@pytest.mark.parametrize("table", ["cells", "phases", "epochs", "sources"])
def test_a_lazy_frame_has_the_rows_of_the_table(project: Project, table: str) -> None:
    write_source(project.collected / "e-k", OWN, {"revision": "c3"})
    catalog = open_catalog(project.root, source="all")
    lazy, eager = catalog.scan(table), catalog.table(table)
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), eager)
    assert_frame_equal(lazy.select("origin").unique().sort("origin").collect(),
                       eager.select("origin").unique().sort("origin"))  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_lazy_frame_of_a_damaged_file(project: Project, content: bytes | None) -> None:
    path = project.catalog / "epochs.parquet"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"epochs.parquet is damaged; `dvc repro`"):
        open_catalog(project.root).scan("epochs")
    assert open_catalog(project.root).scan("runs").collect().height


def test_only_needed_tables_are_read(project: Project) -> None:
    loaded = load(find_sources(project), ["runs"])
    assert set(loaded.frames) == {"runs"}
    assert loaded.frame("runs").height == 3 * OWN["runs"].height


NAMES = {
    "branch/ä": "ä",
    "日本語": "日本",
    "e\u0301": "e\u0301",
    'a "quoted" one': "quoted",
    "\U0001f600": "\U0001f600",
}


@pytest.mark.parametrize("name", NAMES)
def test_texts_in_json_can_be_searched(name: str, tmp_path: Path) -> None:
    project = Project(tmp_path)
    write_source(project.collected / "f-k", identified(OWN, "f"), {"refs": ["main", name]})
    sql = f"SELECT json_extract_string(refs, '$[1]') FROM sources WHERE refs LIKE '%{NAMES[name]}%'"
    assert ask(project, sql) == [(name,)]


def test_a_name_that_is_no_unicode_is_shown_escaped(tmp_path: Path) -> None:
    """Such as of a branch or a folder whose bytes are not UTF-8."""
    project = Project(tmp_path)
    place = {"refs": ["x\udcff"], "repository": "/a\udcff"}
    write_source(project.collected / "f-k", identified(OWN, "f"), place)
    found = ask(project, "SELECT refs, repository FROM sources")
    assert found == [('["x\\udcff"]', "/a\\udcff")]
