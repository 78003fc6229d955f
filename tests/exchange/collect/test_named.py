"""Sources by name: those of the project, and revisions and DVC experiments of its repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from landscape_catalog.cli import app
from landscape_catalog.errors import QueryError
from landscape_catalog.exchange.collect.named import source_or_revision
from landscape_catalog.paths import Project
from tests.exchange.collect.studies import Study, catalog, git, object_path, write


def experiment_of(study: Study, name: str) -> str:
    """The experiment id in the catalog that a name stands for."""
    source = source_or_revision(Project(study.root), name)
    assert source.name == name
    found: str = source.tables(["experiments"])["experiments"]["experiment_id"].item()
    return found


def test_branches_tags_experiments_and_commits(study: Study) -> None:
    commit = study.branch("feature/noisy", catalog("n"))
    git(study.repository, "tag", "-a", "v1", "-m", "a tag", commit)
    study.experiment("exp-a", catalog("x", width=2))
    study.commit(catalog("m", width=3))
    assert experiment_of(study, "feature/noisy") == "n"
    assert experiment_of(study, "v1") == "n"
    assert experiment_of(study, commit[:8]) == "n"
    assert experiment_of(study, "exp-a") == "x"
    assert experiment_of(study, "main") == experiment_of(study, "HEAD") == "m"
    # As `landscape collect` keeps them, once each, with the place where they were found.
    assert set(study.folders()) == {"n-k", "x-k", "m-k"}
    assert [place["refs"] for place in study.places("n-k")] == [["feature/noisy", "v1"]]


def test_a_source_comes_before_a_revision(study: Study) -> None:
    study.branch("n-k", catalog("b"))
    write(study.collected / "n-k", catalog("n", width=2))
    assert experiment_of(study, "n-k") == "n"


def test_a_revision_with_the_current_catalog_is_not_collected(study: Study) -> None:
    files = catalog("n")
    study.branch("same", files)
    write(study.root / "data" / "catalog", files)
    source = source_or_revision(Project(study.root), "same")
    assert (source.kind, source.name) == ("current", "same")
    assert not study.folders()


def test_an_unknown_name_lists_what_is_there(study: Study) -> None:
    study.branch("noisy", catalog("n"))
    study.experiment("exp-a", catalog("x", width=2))
    write(study.collected / "m-k", catalog("m", width=3))
    with pytest.raises(QueryError) as caught:
        source_or_revision(Project(study.root), "nosy")
    assert str(caught.value) == (
        "there is no source 'nosy'; there are current, m-k; branches and tags main, noisy; "
        "DVC experiments exp-a"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["", "--all", "main:dvc.lock", "\x00", "refs/heads/*", "a b"])
def test_what_git_does_not_call_a_commit(study: Study, name: str) -> None:
    with pytest.raises(QueryError, match="there is no source"):
        source_or_revision(Project(study.root), name)


def test_a_revision_without_a_catalog(study: Study) -> None:
    with pytest.raises(QueryError) as caught:
        source_or_revision(Project(study.root), "main")
    assert str(caught.value) == (
        "the revision 'main' has no usable catalog: no catalog (no dvc.lock in it has data/catalog)"
    )


def test_a_revision_whose_catalog_is_not_in_the_cache(study: Study) -> None:
    study.branch("gone", catalog("n"))
    for path in list(object_path(study.cache, "00").parents[1].rglob("*")):
        if path.is_file():
            path.unlink()
    with pytest.raises(
        QueryError, match="the revision 'gone' has no usable catalog: missing cache"
    ):
        source_or_revision(Project(study.root), "gone")


def test_two_commits_of_one_name(study: Study) -> None:
    study.branch("twice", catalog("n"))
    study.experiment("twice", catalog("x", width=2))
    with pytest.raises(QueryError, match=r"'twice' is the name of several: .*give the commit"):
        source_or_revision(Project(study.root), "twice")


def test_experiments_of_one_name_on_several_commits(study: Study) -> None:
    study.experiment("again", catalog("n"))
    study.commit(catalog("m", width=3))
    with_head = study.experiment("again", catalog("x", width=2))
    assert experiment_of(study, "again") == experiment_of(study, with_head[:10]) == "x"
    study.commit(catalog("l", width=4))
    with pytest.raises(QueryError, match="'again' is the name of several"):
        source_or_revision(Project(study.root), "again")


def test_outside_of_a_repository(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"there is no source 'main'; there are current$"):
        source_or_revision(Project(tmp_path), "main")


def test_two_revisions_are_compared(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    study.branch("feature/noisy", catalog("n"))
    study.experiment("exp-a", catalog("x", width=2))
    monkeypatch.chdir(study.root)
    done = CliRunner().invoke(app, ["report", "--compare", "feature/noisy", "exp-a"])
    assert (done.exit_code, done.output.strip()) == (
        0,
        "report: reports/other/feature-noisy+exp-a.html",
    )
    page = (study.root / "reports" / "other" / "feature-noisy+exp-a.html").read_text()
    assert "<h1>feature/noisy compared with exp-a</h1>" in page
    assert "<h2>Difference: exp-a minus feature/noisy</h2>" in page
    assert "Collected from this repository, exp-a" in page
