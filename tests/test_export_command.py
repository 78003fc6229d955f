"""`landscape export` from the command line: what it says, and its exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from landscape_catalog import cli
from landscape_catalog.paths import Project
from tests.catalog.source_folders import GRID, published, write_import


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with published results and no catalog of its own, entered."""
    folder = tmp_path / "project"
    write_import(Project(folder), "theirs", published(GRID.tables(), "p"))
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    return folder


CASES = {
    "csv": (["csv", "../out", "--source", "theirs"], 0, "../out: 21 files, "),
    "parquet": (["parquet", "../out", "--source", "theirs"], 0, "../out: 23 files, "),
    "bundle": (
        ["bundle", "../out", "--source", "theirs", "--author", "A", "--author", "B"],
        0,
        "authors  A, B\nBefore you publish it, give --license and --date.\n",
    ),
    "archive": (["bundle", "../out.zip", "--source", "theirs"], 0, "../out.zip: 28 files, "),
    "no catalog": (["csv", "../out"], 2, "landscape: there is no catalog yet (data/catalog)"),
    "no such source": (["csv", "../out", "--source", "x"], 2, "landscape: there is no source 'x'"),
    "taken": (
        ["csv", ".", "--source", "theirs"],
        2,
        "landscape: .: got a folder that is not empty",
    ),
    "a licence that is none": (
        ["bundle", "../out", "--source", "theirs", "--license", "as you like"],
        2,
        "landscape: --license: got 'as you like'; allowed: an SPDX identifier",
    ),
    "a day that is none": (
        ["bundle", "../out", "--source", "theirs", "--date", "today"],
        2,
        "landscape: --date: got 'today'; allowed: a date such as 2026-01-31",
    ),
    "weights that nobody has": (
        ["bundle", "../out", "--source", "theirs", "--weights"],
        2,
        "landscape: --weights: the weights of ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_command(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, said = CASES[name]
    monkeypatch.setenv("LANDSCAPE_STORE", str(project.parent / "store"))
    monkeypatch.setattr(sys, "argv", ["landscape", "export", *words])
    before = sorted(project.rglob("*"))
    ended = cli._guarded(lambda: cli.app(["export", *words], standalone_mode=False))
    found = capsys.readouterr()
    assert ended == code, found.err
    assert said in (found.err if code else found.out)
    assert (found.err == "") == (code == 0)
    assert sorted(project.rglob("*")) == before
    outside = sorted(path.name for path in project.parent.iterdir())
    assert outside == sorted(["project", *([] if code else [Path(words[1]).name])])
