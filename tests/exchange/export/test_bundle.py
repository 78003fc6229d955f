"""A bundle of a finished project, read back with standard tools only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import safetensors.numpy
from polars.testing import assert_frame_equal

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog import TABLES, read_tables
from landscape_catalog.commands.export import export_citable
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, SpecError
from landscape_catalog.exchange.collect.collect import Request, collect
from landscape_catalog.experiment.reading import parse_experiment, read_experiment
from landscape_catalog.paths import STORE_VARIABLE, Project
from tests.catalog.source_folders import GRID, identified, published, write_import, write_source

Files = dict[str, bytes]


def bundle(
    folder: Path,
    path: Path,
    source: str = "current",
    *,
    weights: bool = False,
    authors: tuple[str, ...] = ("Ada Müller", "B. & C."),
    licence: str | None = "CC-BY-4.0",
    day: str | None = "2026-01-31",
) -> str:
    return export_citable(folder, path, source, authors, licence, day, weights=weights)


def contents(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(finished: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with weights."""
    folder, store = finished
    path = tmp_path_factory.mktemp("bundles") / "with weights"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STORE_VARIABLE, str(store))
        said = bundle(folder, path, weights=True)
    assert "models   8, each verified against its record" in said
    assert "Before you publish it" not in said
    return path


def test_its_files(made: Path) -> None:
    files = contents(made)
    tables = {f"catalog/{name}.parquet" for name in TABLES}
    models = {name for name in files if name.startswith("models/")}
    assert set(files) - tables - models == {
        "README.md", "SHA256SUMS", "catalog/manifest.json", "cells.csv", "load.sql", "models.csv",
        "params.yaml", "report.html", "ro-crate-metadata.json", "schema.sql",
    }  # fmt: skip
    assert tables <= set(files)
    assert {name.rpartition("/")[2] for name in models} == {
        "weights.safetensors", "record.json", "history.csv",
    }  # fmt: skip
    text = b"".join(
        files[name] for name in files if not name.endswith((".parquet", ".safetensors"))
    )
    assert str(made.parent).encode() not in text
    assert os.environ.get("HOME", "/root").encode() + b"/" not in text


def test_it_holds_what_the_project_holds(made: Path, finished: tuple[Path, Path]) -> None:
    folder, _ = finished
    assert (made / "params.yaml").read_bytes() == (folder / "params.yaml").read_bytes()
    assert (made / "report.html").read_bytes() == (folder / "reports/phases.html").read_bytes()
    assert contents(made / "catalog") == contents(folder / "data" / "catalog")


def test_a_checksum_of_every_file(made: Path) -> None:
    files = contents(made)
    sums = files.pop("SHA256SUMS").decode()
    assert dict(reversed(line.split("  ")) for line in sums.splitlines()) == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=made, capture_output=True
        )
        assert (done.returncode, done.stdout) == (0, b"")


def ids(value: Any) -> list[str]:
    """All values of `@id` in JSON-LD, with repetitions."""
    if isinstance(value, dict):
        return [*([value["@id"]] if "@id" in value else []), *(i for v in value.values() for i in ids(v))]  # fmt: skip
    return [one for item in value for one in ids(item)] if isinstance(value, list) else []


def test_metadata_for_programs(made: Path) -> None:
    """What RO-Crate 1.1 requires: one flat graph, a descriptor, a root, and files that exist."""
    files = contents(made)
    crate = json.loads(files.pop("ro-crate-metadata.json"))
    assert set(crate) == {"@context", "@graph"}
    assert crate["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"]), "each entity is there once"
    assert all("@type" in entity for entity in entities.values())
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset"
    assert root["datePublished"] == "2026-01-31"
    assert root["license"] == {"@id": "http://spdx.org/licenses/CC-BY-4.0"}
    assert [entities[one["@id"]]["name"] for one in root["author"]] == ["Ada Müller", "B. & C."]
    parts = [part["@id"] for part in root["hasPart"]]
    assert sorted(parts) == sorted(files)
    for name in parts:
        entity = entities[name]
        assert entity["@type"] == "File"
        if name != "SHA256SUMS":
            assert entity["sha256"] == hashlib.sha256(files[name]).hexdigest()
            assert entity["contentSize"] == str(len(files[name]))
        assert "/" in entity["encodingFormat"]
    external = {"https://w3id.org/ro/crate/1.1"}
    assert set(ids(crate["@graph"])) - set(entities) == external, "each reference has its entity"
    assert root["name"] == "A tiny grid"


def in_folder(monkeypatch: pytest.MonkeyPatch, path: Path) -> duckdb.DuckDBPyConnection:
    """A database of the statements in a bundle."""
    monkeypatch.chdir(path)
    connection = duckdb.connect()
    connection.execute(Path("schema.sql").read_text())
    connection.execute(Path("load.sql").read_text())
    return connection


def test_duckdb_reads_it(
    made: Path, finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = read_tables(Project(finished[0]).catalog)
    wide = open_catalog(finished[0]).cells
    connection = in_folder(monkeypatch, made)
    for name, frame in own.items():
        found = connection.sql(f"SELECT * EXCLUDE (origin) FROM core.{name}").pl()
        assert_frame_equal(found.cast(dict(frame.schema)), frame)
        assert_frame_equal(duckdb.sql(f"FROM 'catalog/{name}.parquet'").pl(), frame)
        assert_frame_equal(pl.read_parquet(f"catalog/{name}.parquet"), frame)
    cells = connection.sql("FROM cells").pl()
    assert_frame_equal(cells.cast(dict(wide.schema)), wide)
    columns = ["cell_id", "phase", "test_accuracy", "mode_connectivity"]
    by_csv = duckdb.sql("FROM 'cells.csv'").pl().select(columns)
    assert_frame_equal(by_csv, wide.select(columns))
    sources = connection.sql("SELECT name, kind, fingerprint, schema_version FROM sources")
    manifest = json.loads(Path("catalog/manifest.json").read_text())
    assert sources.fetchall() == [
        ("current", "current", manifest["fingerprint"], manifest["schema"])
    ]


def fenced(text: str, language: str) -> str:
    (found,) = [part.split("```")[0] for part in text.split(f"```{language}\n")[1:]]
    return found


def test_the_readme_can_be_followed(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (made / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(made)
    first, second = [part.split("```")[0] for part in readme.split("```python\n")[1:]]
    exec(first, {})
    assert "shape: (4, 4)" in capsys.readouterr().out
    run_id = next((made / "models").iterdir()).name
    namespace: dict[str, Any] = {}
    exec(second.replace("RUN_ID", run_id), namespace)
    state = namespace["state"]
    assert state
    assert not any("/" in name for name in state)
    assert "| `models.csv` |" in readme
    assert "A grid of 4 cells and 8 runs of resnet18 on digits" in readme
    entry = fenced(readme, "bibtex")
    experiment = pl.read_parquet("catalog/experiments.parquet")["experiment_id"].item()
    assert entry.startswith(f"@misc{{landscape_{experiment},")
    assert r"author = {Ada Müller and B. \& C.}" in entry
    assert "year = {2026}" in entry
    for line in readme.splitlines():
        if line.startswith("| `"):
            name = line.split("`")[1]
            assert (made / name).exists(), name


def test_its_models(made: Path, finished: tuple[Path, Path]) -> None:
    folder, _ = finished
    models = pl.read_csv(made / "models.csv", schema_overrides={"run_id": pl.String})
    own = read_tables(folder / "data" / "catalog")
    assert models["run_id"].sort().to_list() == own["runs"]["run_id"].sort().to_list()
    cells = {row["cell_id"]: row for row in own["cells"].iter_rows(named=True)}
    phases = dict(own["phases"].select("cell_id", "phase").iter_rows())
    for row in own["runs"].iter_rows(named=True):
        (model,) = models.filter(run_id=row["run_id"]).rows(named=True)
        cell = cells[row["cell_id"]]
        assert (model["width"], model["batch_size"]) == (cell["width"], cell["batch_size"])
        assert (model["seed"], model["phase"]) == (row["seed"], phases[row["cell_id"]])
        assert model["test_accuracy"] == row["test_accuracy"]
        content = (made / model["weights"]).read_bytes()
        assert (
            content == (folder / "data/runs" / row["run_id"] / "weights.safetensors").read_bytes()
        )
        assert model["sha256"] == hashlib.sha256(content).hexdigest()
        record = json.loads((made / model["weights"]).with_name("record.json").read_text())
        assert (record["run_id"], record["n_parameters"]) == (row["run_id"], model["n_parameters"])
        history = pl.read_csv((made / model["weights"]).with_name("history.csv"))
        epochs = own["epochs"].filter(run_id=row["run_id"]).sort("epoch")
        assert history["train_loss"].to_list() == epochs["train_loss"].to_list()
        assert safetensors.numpy.load(content)["history/train_loss"].tolist() == history["train_loss"].to_list()  # fmt: skip


@pytest.mark.slow
def test_two_bundles_have_the_same_bytes(
    fresh_copy: tuple[Path, Path], made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in another place, and with the weights in the store only."""
    folder, store = fresh_copy
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    shutil.rmtree(folder / "data" / "runs")
    bundle(folder, tmp_path / "again", weights=True)
    assert contents(tmp_path / "again") == contents(made)
    for name in ("one.zip", "other.zip"):
        bundle(folder, tmp_path / name, weights=True)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents(made)


def test_what_is_not_given_is_left_out(finished: tuple[Path, Path], tmp_path: Path) -> None:
    said = bundle(finished[0], tmp_path / "b", authors=("A",), licence=None, day=None)
    assert "Before you publish it, give --license and --date." in said
    crate = json.loads((tmp_path / "b" / "ro-crate-metadata.json").read_text())
    (root,) = [entity for entity in crate["@graph"] if entity["@id"] == "./"]
    assert root.keys().isdisjoint({"datePublished", "license", "citation"})
    readme = (tmp_path / "b" / "README.md").read_text()
    assert "None was given: ask the authors" in readme
    assert "year" not in fenced(readme, "bibtex")
    assert not (tmp_path / "b" / "models").exists()
    assert "models.csv" not in readme


FAULTS: dict[str, tuple[Callable[[Path, Path], object], type[Exception], str]] = {
    "no catalog": (
        lambda folder, _: shutil.rmtree(folder / "data" / "catalog"),
        MissingArtifactError,
        "there is no catalog yet",
    ),
    "other parameters": (
        lambda folder, _: edit(folder, "epochs: 4", "epochs: 5"),
        MissingArtifactError,
        r"params\.yaml has other parameters than the catalog was built with: run `dvc repro`",
    ),
    "other thresholds": (
        lambda folder, _: edit(folder, "threshold: 0.5", "threshold: 0.6"),
        MissingArtifactError,
        "has other parameters",
    ),
    "invalid parameters": (
        lambda folder, _: edit(folder, "seeds: 2", "seeds: 0"),
        SpecError,
        r"train\.seeds: got 0",
    ),
    "an axis that there is not": (
        lambda folder, _: edit(folder, "title: A tiny grid", "x: load.extra.zoom"),
        SpecError,
        "report.x: got 'load.extra.zoom'",
    ),
    "a run is missing": (
        lambda folder, store: [
            shutil.rmtree(sorted((place).iterdir())[0]) for place in (folder / "data/runs", store / "runs")
        ],
        MissingArtifactError,
        r"--weights: the weights of 1 of 8 runs are neither in data/runs nor in the shared store "
        r"\([0-9a-f]{16}\)\. Nothing was written",
    ),
    "weights are missing": (
        lambda folder, store: [
            path.unlink() for place in (folder / "data/runs", store / "runs") for path in place.glob("*/weights.*")
        ],
        MissingArtifactError,
        r"the weights of 8 of 8 runs are .*, \.\.\.\)\.",
    ),
    "weights are damaged": (
        lambda folder, _: flip(sorted((folder / "data/runs").glob("*/weights.*"))[2]),
        DamagedFileError,
        r"weights\.safetensors is damaged: its SHA-256 does not match the record",
    ),
}  # fmt: skip


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "params.yaml").read_text()
    assert text.count(old) == 1
    (folder / "params.yaml").write_text(text.replace(old, new))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_writes_nothing(
    fault: str, fresh_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = fresh_copy
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    make, error, words = FAULTS[fault]
    make(folder, store)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=words):
        bundle(folder, tmp_path / "bundle", weights=True)
    assert sorted(tmp_path.iterdir()) == before


def test_a_report_that_is_changed_only_is_no_other_experiment(
    fresh_copy: tuple[Path, Path], tmp_path: Path
) -> None:
    edit(fresh_copy[0], "title: A tiny grid", 'title: "Another & title"')
    bundle(fresh_copy[0], tmp_path / "b")
    assert "<h1>Another &amp; title</h1>" in (tmp_path / "b" / "report.html").read_text()


OWN = identified(GRID.tables(), "e")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A project with published and with collected results, and none of its own."""
    project = Project(tmp_path / "project")
    write_import(project, "theirs", published(OWN, "p"))
    write_source(project.collected / "f-k", identified(OWN, "f"), {"repository": "/a/place"})
    return project.root


def test_published_results(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b"
    bundle(sources, path, "theirs")
    assert (path / "settings.yaml").read_bytes() == (sources / "imports/theirs.yaml").read_bytes()
    assert not (path / "params.yaml").exists()
    readme = (path / "README.md").read_text()
    assert "Cite the publication, Nobody 2020, and this bundle:" in readme
    crate = {e["@id"]: e for e in json.loads((path / "ro-crate-metadata.json").read_text())["@graph"]}  # fmt: skip
    assert crate[crate["./"]["citation"]["@id"]]["name"] == "Nobody 2020"
    assert "Published results" in (path / "report.html").read_text()
    connection = in_folder(monkeypatch, path)
    expected = open_catalog(sources, source="theirs").sql("SELECT cell_id, phase FROM cells")
    assert connection.sql("SELECT cell_id, phase::VARCHAR FROM cells").fetchall() == expected.rows()
    assert connection.sql("SELECT citation, format FROM sources").fetchall() == [
        ("Nobody 2020", "table")
    ]


def test_collected_results(
    finished: tuple[Path, Path], sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDSCAPE_STORE", str(tmp_path / "empty store"))
    collected = Project(sources).collected / "a-b"
    shutil.copytree(finished[0] / "data" / "catalog", collected)
    (collected / "source.json").write_text('{"places": [{"repository": "/a/place"}]}')
    bundle(sources, tmp_path / "b", "a-b")
    rebuilt = parse_experiment((tmp_path / "b" / "params.yaml").read_text())
    own = read_experiment(finished[0] / "params.yaml")
    left = {"execution", "report"}
    assert rebuilt.model_dump(exclude=left) == own.model_dump(exclude=left)
    assert not any(b"/a/place" in content for content in contents(tmp_path / "b").values())
    with pytest.raises(MissingArtifactError, match="the weights of 8 of 8 runs are neither"):
        bundle(sources, tmp_path / "c", "a-b", weights=True)


def test_ids_that_are_paths_are_not_followed(sources: Path, tmp_path: Path) -> None:
    """Of a catalog that somebody else made."""
    project = Project(sources)
    runs = OWN["runs"].with_columns(run_id=pl.lit("../../elsewhere"))
    write_source(project.collected / "g-k", identified(OWN | {"runs": runs.head(1)}, "g"))
    with pytest.raises(MissingArtifactError, match=r"\(\.\./\.\./elsewhere\)"):
        bundle(sources, tmp_path / "c", "g-k", weights=True)


def test_a_catalog_without_runs_needs_no_weights(sources: Path, tmp_path: Path) -> None:
    project = Project(sources)
    without = {name: OWN[name].clear() if name in ("runs", "epochs", "snapshots") else OWN[name] for name in OWN}  # fmt: skip
    write_source(project.collected / "h-k", identified(without, "h"))
    said = bundle(sources, tmp_path / "b", "h-k", weights=True)
    assert "models   0" in said
    assert pl.read_csv(tmp_path / "b" / "models.csv").is_empty()


def test_another_project_collects_it(made: Path, tmp_path: Path) -> None:
    project = Project(tmp_path / "other")
    write_source(project.catalog, OWN)
    collect(project, Request(paths=(made,)))
    experiment = pl.read_parquet(made / "catalog" / "experiments.parquet").row(0, named=True)
    name = f"{experiment['experiment_id']}-{experiment['classification_id']}"
    found = open_catalog(project.root, source=name)
    expected = pl.read_parquet(made / "catalog" / "phases.parquet").sort("cell_id")
    phases = found.sql("SELECT cell_id, phase, reason FROM phases ORDER BY cell_id")
    assert_frame_equal(phases, expected.select(phases.columns))
