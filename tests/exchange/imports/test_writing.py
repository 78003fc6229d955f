"""Imports are written whole, under names, with ids that do not depend on the name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from landscape_catalog.catalog.parquet import read_tables
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.commands.imports import import_results
from landscape_catalog.errors import PublishedError, StorageError
from landscape_catalog.exchange.imports.registry import IMPORTERS
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.paths import Project
from landscape_catalog.phases import rule_of
from landscape_catalog.store import files
from landscape_catalog.store.files import write_folder
from tests.exchange.imports.sources import (
    PLACE,
    tables,
    tar_of,
    write_table,
    write_zhou,
    write_zoo,
)

# Ids of small sources: experiment, first cell, first landscape, first run. They never change: if an
# importer reads a source into other numbers, its recipe is raised.
PINNED: dict[str, tuple[int, tuple[str, ...]]] = {
    "yang2021": (
        1,
        ("fa707c6f4940bf6d", "d5cea8a65c050648", "3bb19d2855a4d5db", "049be3658314f380"),
    ),
    "zhou2024": (1, ("44ac75bab871c496", "68e328a589a03810", "fed6172f93707431")),
    "table": (1, ("6a6167659aa025ef", "64e9fc7bd77b158b", "6308722f25bbbc73")),
    "zoo": (1, ("799c9ca87d696e67", "1b3441d17afd2609", "3a350e9879b2a967", "b65538dbaf01a2a4")),
}


def ids(found: dict[str, pl.DataFrame]) -> tuple[str, ...]:
    first = found["cells"].sort("position").row(0, named=True)
    runs = found["runs"].filter(cell_id=first["cell_id"]).sort("seed")["run_id"].to_list()
    return first["experiment_id"], first["cell_id"], first["landscape_id"], *runs[:1]


def small(form: str, folder: Path) -> tuple[Path, dict[str, Path]]:
    """A small source of a format, the same to the byte every time, and the importer's options."""
    folder.mkdir()
    if form == "table":
        path, columns = write_table(folder)
        return path, {"columns": columns}
    if form == "zoo":
        return write_zoo(folder / "zoo"), {}
    if form == "zhou2024":
        return write_zhou(folder / "a.csv"), {}
    losses = {seed: {"nll": 0.5 + seed, "accuracy": 80.0} for seed in range(3)}
    hessians = {seed: {"top_eigenvalue": [10.0], "trace": 20.0} for seed in range(3)}
    place = PLACE.format(batch=16, width=2)
    named = {"loss_acc.pkl": losses, "hessian.pkl": hessians}
    path = folder / "a.tar"  # without arrays and compression, whose bytes depend on versions
    path.write_bytes(tar_of({f"{place}{n}": pickle.dumps(value, 3) for n, value in named.items()}))
    return path, {}


def test_every_importer_is_pinned() -> None:
    assert {name: importer.recipe for name, importer in IMPORTERS.items()} == {
        name: recipe for name, (recipe, _) in PINNED.items()
    }


@pytest.mark.parametrize("form", IMPORTERS)
def test_ids_never_change(form: str, tmp_path: Path) -> None:
    path, options = small(form, tmp_path / "a")
    assert ids(tables(form, path, **options)) == PINNED[form][1]


@pytest.mark.parametrize("form", IMPORTERS)
def test_one_source_under_two_names_is_one_experiment(form: str, tmp_path: Path) -> None:
    path, options = small(form, tmp_path / "a")
    for name in ("one", "other"):
        import_results(tmp_path, form, path, name, **options)
    one, other = (read_tables(tmp_path / "data" / "imports" / n) for n in ("one", "other"))
    assert set(one) == set(TABLES)
    for table in TABLES:
        assert one[table].equals(other[table])
    manifests = [
        (tmp_path / "data" / "imports" / name / "manifest.json").read_bytes()
        for name in ("one", "other")
    ]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("form", IMPORTERS)
def test_keys_are_unique_and_refer_to_rows(form: str, tmp_path: Path) -> None:
    path, options = small(form, tmp_path / "a")
    found = tables(form, path, **options)
    for name, table in TABLES.items():
        if name != "landscapes":
            assert found[name].select(table.order).is_duplicated().sum() == 0, name
    cells, runs = set(found["cells"]["cell_id"]), set(found["runs"]["run_id"])
    for name, frame in found.items():
        assert set(frame["cell_id"] if "cell_id" in frame.columns else []) <= cells, name
        for column in ("run_id", "other_run_id"):
            assert set(frame[column] if column in frame.columns else []) <= runs | {""}, name
    assert set(found["cells"]["landscape_id"]) == set(found["landscapes"]["landscape_id"])


@pytest.mark.parametrize("form", IMPORTERS)
def test_settings_are_valid_and_start_with_the_paper_s_thresholds(
    form: str, tmp_path: Path
) -> None:
    path, options = small(form, tmp_path / "a")
    import_results(tmp_path, form, path, "x", **options)
    settings = YAML(typ="safe").load(tmp_path / "imports" / "x.yaml")
    rule = rule_of(settings["classify"])
    thresholds = (rule.connectivity.tolerance, rule.hessian.threshold, rule.cka.threshold)
    assert (*thresholds, rule.train_loss) == (1, 76, 0.5, 0.05)
    report = Report.model_validate(settings["report"])
    assert (report.x, report.y) == ("load.width", "temperature.batch_size")


def test_where_it_came_from(tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    import_results(tmp_path, "zhou2024", path, None)
    written = (tmp_path / "data" / "imports" / "zhou2024" / "source.json").read_text()
    (place,) = json.loads(written)["places"]
    assert place["format"] == "zhou2024"
    assert place["file"] == "a.csv"
    assert place["citation"] == "Zhou et al. 2024"
    assert len(place["sha256"]) == 64
    assert str(tmp_path) not in written  # the folder is shared, the path is not


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("data", "imports")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    assert "imported, from a.csv" in import_results(tmp_path, "zhou2024", path, None)
    settings = tmp_path / "imports" / "zhou2024.yaml"
    settings.write_text(settings.read_text().replace("76.0", "38.0"))
    before = snapshot(tmp_path)
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")}
    words = import_results(tmp_path, "zhou2024", path.rename(tmp_path / "b.csv"), None)
    assert "already imported, and left as it is" in words
    assert "kept as it is" in words
    assert snapshot(tmp_path) == before
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")} == times


def test_a_damaged_import_is_mended(tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    import_results(tmp_path, "zhou2024", path, None)
    before = snapshot(tmp_path)
    folder = tmp_path / "data" / "imports" / "zhou2024"
    for name in ("cells.parquet", "experiments.parquet", "manifest.json"):
        (folder / name).write_bytes(b"x")
        import_results(tmp_path, "zhou2024", path, None)
        assert snapshot(tmp_path) == before
    (folder / "cells.parquet").unlink()
    (folder / "more.txt").touch()
    import_results(tmp_path, "zhou2024", path, None)
    assert snapshot(tmp_path) == before


def test_another_source_under_a_name_is_refused(tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    import_results(tmp_path, "zhou2024", path, "grid")
    before = snapshot(tmp_path)
    other = tmp_path / "other.csv"
    other.write_text(path.read_text().replace("small", "large"))
    zoo = write_zoo(tmp_path / "zoo")
    for form, source, options in (
        ("zhou2024", other, {}),
        ("zhou2024", path, {"label_noise": 0.1}),
        ("zoo", zoo, {}),
    ):
        with pytest.raises(PublishedError) as error:
            import_results(tmp_path, form, source, "grid", **options)
        assert str(error.value) == (
            "data/imports/grid is an import of something else (zhou2024, file 'a.csv'), and was "
            "left as it is. Choose another name with --name, or remove it"
        )
        assert snapshot(tmp_path) == before


def test_what_is_no_import_is_left_alone(tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    folder = tmp_path / "data" / "imports" / "mine"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("x")
    (folder.parent / "file").touch()
    for name in ("mine", "file"):
        with pytest.raises(PublishedError, match=f"data/imports/{name} is no import"):
            import_results(tmp_path, "zhou2024", path, name)
    assert snapshot(tmp_path) == {"data/imports/mine/notes.txt": b"x", "data/imports/file": b""}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../a", "/a", "a\\b", "current", "all", ".hidden", "a b", "-a", "a.dvc",
     "a.", "a.bak", "ü", "a" * 101, "a\n", "a\0"],
)  # fmt: skip
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    with pytest.raises(PublishedError, match=r"--name: got .*; allowed: "):
        import_results(tmp_path, "zhou2024", path, name)
    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize("name", ["a", "A.b-c_1", "2024", "a" * 100])
def test_names(name: str, tmp_path: Path) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    import_results(tmp_path, "zhou2024", path, name)
    assert (tmp_path / "data" / "imports" / name / "manifest.json").is_file()
    assert (tmp_path / "imports" / f"{name}.yaml").is_file()


@pytest.mark.parametrize("exists", [False, True])
def test_nothing_is_left_of_an_import_that_cannot_be_written(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = small("zhou2024", tmp_path / "a")
    project = Project(tmp_path)
    if exists:
        import_results(tmp_path, "zhou2024", path, None)
        (project.imports / "zhou2024" / "cells.parquet").write_bytes(b"x")
        (project.import_settings / "zhou2024.yaml").unlink()
    before = snapshot(tmp_path)

    def fails(folder: Path, contents: dict[str, bytes], **more: int) -> None:
        write_folder(folder, dict(list(contents.items())[:2]))
        raise StorageError("the disk is full")

    monkeypatch.setattr(files, "write_folder", fails)
    with pytest.raises(StorageError):
        import_results(tmp_path, "zhou2024", path, None)
    left = {name: content for name, content in snapshot(tmp_path).items() if ".tmp-" not in name}
    if exists:
        assert left == before
    else:
        assert not (project.import_settings / "zhou2024.yaml").exists()
