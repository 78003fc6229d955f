"""Published results that are exported, collected by another project, and exported again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.sources import PUBLICATION, source_named
from landscape_catalog.commands.export import export_citable, export_files
from landscape_catalog.commands.imports import import_results
from landscape_catalog.commands.other_report import report_of
from landscape_catalog.exchange.collect.collect import Request, collect
from landscape_catalog.experiment.reading import read_import_settings
from landscape_catalog.paths import Project
from tests.exchange.imports.sources import write_table, write_yang, write_zhou

FACTS = ", ".join(PUBLICATION)


def bundle(root: Path, path: Path, source: str, *authors: str) -> str:
    return export_citable(root, path, source, authors, None, None, weights=False)


def tables(root: Path, path: Path, source: str) -> str:
    return export_files(root, path, "parquet", source)


FORMATS: dict[str, Callable[[Path], tuple[Path, dict[str, Any]]]] = {
    "yang2021": lambda folder: (write_yang(folder / "results.tar.gz"), {}),
    "zhou2024": lambda folder: (write_zhou(folder / "grid.csv"), {}),
    "table": lambda folder: (write_table(folder)[0], {"columns": folder / "map.yaml"}),
}
WAYS = {"bundle": (bundle, "catalog"), "parquet": (tables, "tables")}


def project(folder: Path) -> Path:
    """A project in a Git repository whose user is no author of what others published."""
    folder.mkdir()
    for words in (["init", "-q"], ["config", "user.name", "Local User"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def imported(root: Path, form: str, folder: Path) -> None:
    path, options = FORMATS[form](folder)
    import_results(root, form, path, "theirs", **options)


def facts(root: Path, source: str) -> list[tuple[Any, ...]]:
    found = open_catalog(root, source=source).sql(f"SELECT DISTINCT {FACTS} FROM sources")
    return found.rows()


@pytest.mark.parametrize(
    ("form", "way"), [("zhou2024", "bundle"), ("yang2021", "parquet"), ("table", "parquet")]
)
def test_a_copy_knows_the_publication(form: str, way: str, tmp_path: Path) -> None:
    """Import, export, collect, export, collect again: the last knows what the first did."""
    export, below = WAYS[way]
    first = project(tmp_path / "first")
    imported(first, form, tmp_path)
    (known,) = facts(first, "theirs")
    assert None not in known[:4]
    source, root = "theirs", first
    phases = open_catalog(first, source="theirs").sql(
        "SELECT cell_id, phase FROM phases ORDER BY 1"
    )
    for number in range(2):
        copy = tmp_path / f"copy {number}"
        export(root, copy, source)
        stored = (copy / below / "source.json").read_text()
        assert str(tmp_path) not in stored
        root = project(tmp_path / f"project {number}")
        outcome = collect(Project(root), Request(paths=(copy,)))
        (source,) = outcome.new
        assert facts(root, source) == [known]
        found = open_catalog(root, source=source)
        assert found.sql("SELECT repository, path FROM sources").rows() == [(str(copy), below)]
        assert_frame_equal(found.sql("SELECT cell_id, phase FROM phases ORDER BY 1"), phases)


@pytest.mark.parametrize("form", ["zhou2024", "table"])
def test_a_bundle_of_a_copy_is_cited_as_the_publication(form: str, tmp_path: Path) -> None:
    first, other = project(tmp_path / "first"), project(tmp_path / "other")
    imported(first, form, tmp_path)
    ((citation,),) = open_catalog(first, source="theirs").sql("SELECT citation FROM sources").rows()
    bundle(first, tmp_path / "b0", "theirs")
    (source,) = collect(Project(other), Request(paths=(tmp_path / "b0",))).new
    for number, (root, name) in enumerate(((first, "theirs"), (other, source)), start=1):
        path = tmp_path / f"b{number}"
        said = bundle(root, path, name)
        assert f"authors  those of the publication, {citation}" in said
        assert "give --license and --date" in said
        files = {item.name: item.read_text() for item in path.iterdir() if item.is_file()}
        assert not any("Local User" in text for text in files.values())
        assert not any(str(tmp_path) in text for text in files.values())
        assert f"The results were published by others: {citation}" in files["README.md"]
        entry = files["README.md"].split("```bibtex\n")[1].split("```")[0]
        assert f"note = {{Results published by {citation.rstrip('.')}. Experiment" in entry
        assert "author" not in entry
        assert "params.yaml" not in files
        settings = read_import_settings(path / "settings.yaml").classify
        assert settings == read_import_settings(first / "imports/theirs.yaml").classify
        assert f"published by {citation}" in files["report.html"]
        crate = json.loads(files["ro-crate-metadata.json"])["@graph"]
        entities = {entity["@id"]: entity for entity in crate}
        assert entities[entities["./"]["citation"]["@id"]]["name"] == citation
        assert entities["catalog/source.json"]["description"] == "where the results were published"
    said = bundle(other, tmp_path / "by somebody", source, "Ada")
    assert "authors  Ada\n" in said
    entry = (tmp_path / "by somebody" / "README.md").read_text()
    assert "author = {Ada}," in entry and f"Results published by {citation.rstrip('.')}" in entry


def test_an_import_and_its_copies_are_loaded_once(tmp_path: Path) -> None:
    """The import is stored without phases, so that its fingerprint is another one."""
    root, other = project(tmp_path / "first"), project(tmp_path / "other")
    imported(root, "zhou2024", tmp_path)
    for name in ("one", "two"):
        bundle(root, tmp_path / name, "theirs")
        collect(Project(root), Request(paths=(tmp_path / name,)))
        collect(Project(other), Request(paths=(tmp_path / name,)))
    found = open_catalog(root, source="all")
    assert found.sql("SELECT origin, count(*) FROM cells GROUP BY ALL").rows() == [("theirs", 4)]
    named = found.sql(
        "SELECT DISTINCT origin, kind, fingerprint FROM sources ORDER BY kind::VARCHAR"
    ).rows()
    assert [row[:2] for row in named] == [("theirs", "collected"), ("theirs", "imported")]
    assert named[0][2] != named[1][2]
    assert found.scan("cells").collect().height == 4
    import_results(other, "zhou2024", tmp_path / "grid.csv", "later")
    assert open_catalog(other, source="all").table("cells").height == 4
    settings = root / "imports" / "theirs.yaml"
    settings.write_text(settings.read_text().replace("threshold: 0.5", "threshold: 0.25", 1))
    assert open_catalog(root, source="all").table("cells").height == 8, "classified otherwise"
    (name,) = collect(Project(root), Request(paths=(tmp_path / "one",))).experiments
    report_of(root, name)
    page = (root / "reports" / "other" / f"{name}.html").read_text()
    assert f"{name}: published by Zhou et al. 2024" in page


HOSTILE = {
    "no text": b"\xff",
    "no object": b"[]",
    "no places": b'{"places": 1}',
    "no place": b'{"places": [1]}',
    "numbers": b'{"places": [{"format": 1, "sha256": [], "citation": {"a": 1}}]}',
    "deep": b"[" * 100_000,
    "large": b'{"places": [{"citation": "' + b"x" * 2**20 + b'"}]}',
    "a long text": b'{"places": [{"citation": "' + b"x" * 20_000 + b'"}]}',
    "other columns": b'{"places": [{"origin": "x", "name": "y", "kind": "current"}]}',
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an import."""
    folder = tmp_path_factory.mktemp("made")
    imported(project(folder / "first"), "zhou2024", folder)
    bundle(folder / "first", folder / "b", "theirs")
    return folder / "b"


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_file_of_others_that_says_nothing(fault: str, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "catalog", tmp_path / "b" / "catalog")
    (tmp_path / "b" / "catalog" / "source.json").write_bytes(HOSTILE[fault])
    other = project(tmp_path / "other")
    (source,) = collect(Project(other), Request(paths=(tmp_path / "b",))).new
    assert source_named(Project(other), source).publication is None
    collected = other / "data" / "collected" / source / "source.json"
    assert json.loads(collected.read_text()) == {
        "places": [{"repository": str(tmp_path / "b"), "path": "catalog"}]
    }


def test_a_citation_of_others_breaks_no_file(made: Path, tmp_path: Path) -> None:
    other = project(tmp_path / "other")
    shutil.copytree(made, tmp_path / "b")
    path = tmp_path / "b" / "catalog" / "source.json"
    (place,) = json.loads(path.read_text())["places"]
    place |= {"citation": "A}\n```\n<script>x</script> \udcff", "url": "./"}
    path.write_text(json.dumps({"places": [place]}))
    (source,) = collect(Project(other), Request(paths=(tmp_path / "b",))).new
    bundle(other, tmp_path / "c", source)
    readme = (tmp_path / "c" / "README.md").read_text()
    assert readme.count("\n```\n") == (tmp_path / "b" / "README.md").read_text().count("\n```\n")
    assert r"Results published by A\} ``` <script>" in readme
    crate = json.loads((tmp_path / "c" / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({entity["@id"] for entity in crate}) == len(crate)
    assert "<script>x</script> " not in (tmp_path / "c" / "report.html").read_text()
