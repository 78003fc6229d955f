"""`landscape figure`: files, folders and wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from landscape_catalog.cli import app
from landscape_catalog.commands.figure import write_figures
from landscape_catalog.errors import LandscapeError
from landscape_catalog.paths import Project
from tests.catalog.source_folders import GRID, identified, published, write_import, write_source
from tests.conftest import ROOT
from tests.reports.svg import texts

SPEC = {
    "measure": {"snapshots": ["final"]},
    "load": {"width": [1, 2, 4]},
    "temperature": {"batch_size": [16, 64]},
}
OWN = identified(GRID.tables(), "e")
OWN["experiments"] = OWN["experiments"].with_columns(spec=pl.lit(json.dumps(SPEC)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    write_source(project.catalog, OWN)
    write_import(project, "theirs", published(OWN, "p"))
    write_source(project.collected / "empty", {n: t.clear() for n, t in OWN.items()}, {})
    (project.root / "file").write_text("a file")
    for name in ("params.yaml", "dvc.yaml"):
        (project.root / name).write_bytes((ROOT / name).read_bytes())
    return project


def written(project: Project) -> list[str]:
    folder = project.root
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.parts[len(folder.parts)] in ("reports", "out")
    )


def test_files_by_panel_and_format(project: Project) -> None:
    said = write_figures(project.root, ["phases", "cka"], ["svg", "pdf", "svg"])
    names = [
        f"reports/figures/{name}" for name in ("cka.pdf", "cka.svg", "phases.pdf", "phases.svg")
    ]
    assert written(project) == names
    assert sorted(said.splitlines()) == [f"figure: {name}" for name in names]
    assert (project.root / names[0]).read_bytes().startswith(b"%PDF-1.7")


def test_slices_and_panels(project: Project) -> None:
    write_figures(project.root, ["slice-y-cka", "phases", "slice-y-cka"])
    assert written(project) == [f"reports/figures/{n}.svg" for n in ("phases", "slice-y-cka")]


def test_a_source_has_a_folder_and_its_thresholds(project: Project) -> None:
    write_figures(project.root, ["cka"], source="theirs")
    path = project.root / "reports" / "figures" / "theirs" / "cka.svg"
    assert written(project) == ["reports/figures/theirs/cka.svg"]
    assert "0.4" in [one.words for one in texts(path.read_text())]  # of imports/theirs.yaml


def test_the_command_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    given = ["figure", "--layout", "paper", "--format", "png", "--format", "svg", "--output", "out"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    assert result.output.split() == ["figure:", "out/paper.png", "figure:", "out/paper.svg"]
    assert written(project) == ["out/paper.png", "out/paper.svg"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "panel": ({"names": ["phases", "loss"]}, "PANEL: got 'loss'; allowed: phases, "),
    "slice": (
        {"names": ["phases", "slice-y-cka"], "layout": "paper"},
        "PANEL: got 'slice-y-cka', which is no map of the grid; allowed with --layout paper: ",
    ),
    "source": ({"source": "nobody"}, "there is no source 'nobody'; there are current, theirs"),
    "empty": ({"source": "empty"}, "--source: got 'empty', whose catalog has no cells to draw"),
    "a file": ({"output": "file"}, "--output: got '"),
}
# Where nobody may write, or only the stages: the message names the folder.
PLACES = {
    "data/imports/mine": ", which belongs to the stages; allowed: a folder elsewhere",
    "data/catalog": ", which belongs to the stages; allowed: a folder elsewhere",
    "file/below": "there is a file where a folder is needed",
    "/proc/nothing": "no files can be made there",
    "n" * 300: "the name is too long",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(case: str, project: Project) -> None:
    given, expected = WRONG[case]
    if "output" in given:
        given = {"output": project.root / given["output"]}
    with pytest.raises(LandscapeError) as error:
        write_figures(project.root, **given)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
    assert written(project) == []


@pytest.mark.parametrize("place", PLACES)
def test_folders_that_cannot_be(place: str, project: Project) -> None:
    with pytest.raises(LandscapeError) as error:
        write_figures(project.root, ["cka"], output=project.root / place)
    assert PLACES[place] in str(error.value)
    assert str(error.value).startswith("--output: " if place.startswith("data") else "cannot write")
    assert place in str(error.value)
    assert error.value.exit_code == (2 if place.startswith("data") else 1)
    assert not (project.catalog / "cka.svg").exists()
    assert not (project.imports / "mine").exists()


def test_without_a_catalog(tmp_path: Path) -> None:
    with pytest.raises(LandscapeError) as error:
        write_figures(tmp_path)
    assert "there is no catalog yet" in str(error.value)
    assert error.value.exit_code == 2


def test_a_damaged_catalog_is_not_drawn(project: Project) -> None:
    (project.catalog / "cells.parquet").write_bytes(b"damaged")
    with pytest.raises(LandscapeError, match="is damaged"):
        write_figures(project.root)
    assert written(project) == []
