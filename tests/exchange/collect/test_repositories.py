"""Other repositories, projects within a repository, and plain folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from landscape_catalog.errors import RepositoryError
from tests.exchange.collect.studies import Study, catalog, git, skipped, store, write

ONE, TWO, THREE, FOUR = (catalog(f"e{i}", width=i) for i in (1, 2, 3, 4))


def test_a_project_below_the_top_of_its_repository(tmp_path: Path) -> None:
    study = Study(tmp_path / "mono", "projects/über uns").start().commit(ONE)
    other = Study(tmp_path / "mono", "projects/b").start().commit(TWO)
    assert study.collect().experiments == {"e1-k": ["main"]}
    assert study.places("e1-k")[0]["path"] == "projects/über uns/data/catalog"

    outcome = study.collect(other.root)  # of the same repository, so none with a name
    assert set(outcome.experiments) == {"e1-k", "e2-k"}
    assert study.places("e2-k") == [
        {"revision": study.head(), "path": "projects/b/data/catalog", "refs": ["main"]}
    ]


def test_dvc_at_the_top_and_projects_below(tmp_path: Path) -> None:
    study = Study(tmp_path / "mono", "a").start()
    shutil.move(study.root / ".dvc", study.repository / ".dvc")
    study.commit(ONE)
    (study.repository / ".dvc" / "cache").mkdir()
    shutil.move(study.cache / "files", study.repository / ".dvc" / "cache" / "files")
    shutil.rmtree(study.root / ".dvc")
    assert study.collect().new == ["e1-k"]


def test_all_projects_of_a_repository(study: Study, tmp_path: Path) -> None:
    """A revision counts as one without a catalog only if none of them has one."""
    one = Study(tmp_path / "mono", "projects/one").start().commit(ONE)
    two = Study(tmp_path / "mono", "projects/two").start().commit(TWO)
    Study(tmp_path / "mono", "elsewhere/three").start().commit(THREE)
    for project in (one, two):
        git(project.repository, "rm", "-q", "--cached", f"{project.path}/dvc.lock")
    git(one.repository, "commit", "-qm", "without")
    git(one.repository, "branch", "-q", "before", "HEAD~1")

    outcome = study.collect(one.repository / "projects")
    assert set(study.folders()) == {"e1-k", "e2-k"}
    repository = str(one.repository)
    assert outcome.experiments["e2-k"] == [f"before ({repository}, projects/two)"]
    assert skipped(outcome)["no catalog"] == ["main", f"main ({repository})"]
    (place,) = study.places("e1-k")
    assert place == {
        "repository": repository,
        "revision": one.head("before"),
        "path": "projects/one/data/catalog",
        "refs": ["before"],
    }
    study.collect(one.repository)
    assert set(study.folders()) == {"e1-k", "e2-k", "e3-k"}


def test_another_project_with_what_is_not_committed(study: Study, tmp_path: Path) -> None:
    other = Study(tmp_path / "other").start().commit(ONE)
    write(other.root / "data" / "catalog", TWO)
    outcome = study.collect(other.root, other.root)
    assert outcome.experiments == {
        "e1-k": [f"main ({other.root})"],
        "e2-k": [f"{other.root}/data/catalog"],
    }
    assert study.places("e2-k") == [{"repository": str(other.root), "path": "data/catalog"}]
    write(other.root / "data" / "catalog", ONE)
    study.collect(other.root)
    assert [place.get("revision") for place in study.places("e1-k")] == [other.head(), None]


@pytest.mark.parametrize(
    "given", ["", "sub", "sub/project", "sub/project/data/catalog", "sub/project/data"]
)
def test_files_in_a_repository_have_one_place_from_wherever_they_are_reached(
    given: str, study: Study, tmp_path: Path
) -> None:
    other = Study(tmp_path / "mono", "sub/project").start().commit(ONE)
    write(other.root / "data" / "catalog", TWO)
    for path in (other.root, other.repository / given):
        study.collect(path)
    place = {"repository": str(other.repository), "path": "sub/project/data/catalog"}
    assert study.places("e2-k") == [place]


@pytest.mark.parametrize("given", ["bundle", "bundle/catalog"])
def test_files_in_this_repository(given: str, study: Study) -> None:
    write(study.root / "bundle" / "catalog", ONE)
    study.collect(study.root / given)
    assert study.places("e1-k") == [{"path": "bundle/catalog"}]


@pytest.mark.parametrize(
    ("where", "given", "file"),
    [
        ("data/catalog", "", "data/catalog"),
        ("", "", "."),
        ("tables", "", "tables"),
        ("project/data/catalog", "project", "data/catalog"),
    ],
)
def test_plain_folders(study: Study, tmp_path: Path, where: str, given: str, file: str) -> None:
    folder = tmp_path / "plain"
    write(folder / where, ONE)
    study.commit(TWO)
    assert set(study.collect(folder / given).experiments) == {"e1-k", "e2-k"}
    assert study.places("e1-k") == [{"repository": str(folder / given), "path": file}]
    assert study.folders() == {"e1-k": ONE, "e2-k": TWO}


def test_what_another_project_has_collected(study: Study, tmp_path: Path) -> None:
    other = Study(tmp_path / "other").start().commit(ONE)
    other.branch("b", TWO)
    other.collect()
    study.collect(other.collected)
    assert study.folders() == {"e1-k": ONE, "e2-k": TWO}


def test_a_plain_project_in_a_repository_that_does_not_track_it(
    study: Study, tmp_path: Path
) -> None:
    outer = Study(tmp_path / "outer").start().commit(ONE)
    inner = outer.root / "data" / "inner"
    write(inner, {"dvc.yaml": b"", "params.yaml": b""})
    write(inner / "data" / "catalog", TWO)
    outcome = study.collect(inner)
    assert set(outcome.experiments) == {"e2-k"} and skipped(outcome) == {"no catalog": ["main"]}


def test_a_bare_repository_takes_the_objects_of_this_cache(study: Study, tmp_path: Path) -> None:
    other = Study(tmp_path / "other").start().commit(ONE)
    git(tmp_path, "clone", "-q", "--bare", str(other.repository), "bare.git")
    bare = tmp_path / "bare.git"
    outcome = study.collect(bare)
    assert skipped(outcome)["missing cache"] == [f"main ({bare})"]
    store(study.cache, ONE)
    assert study.collect(bare).new == ["e1-k"]
    assert study.places("e1-k")[0]["repository"] == str(bare)


def test_a_worktree_has_its_own_cache(study: Study, tmp_path: Path) -> None:
    study.commit(ONE)
    git(study.repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Study(tmp_path / "side").commit(TWO)
    assert skipped(study.collect()) == {"missing cache": ["side"]}
    assert study.collect(side.root).experiments == {"e1-k": ["main"], "e2-k": ["side"]}
    assert set(study.places("e2-k")[0]) == {"revision", "path", "refs"}
    assert side.collect(study.root).experiments.keys() == {"e1-k", "e2-k"}


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_cache_in_another_place(study: Study, local: bool, absolute: bool) -> None:
    cache = study.repository.parent / "shared cache"
    shown = cache if absolute else "../../shared cache"
    name = "config.local" if local else "config"
    (study.root / ".dvc" / name).write_text(f"[cache]\n    dir = {shown}\n")
    study.commit(ONE)
    assert skipped(study.collect()) == {"missing cache": ["main"]}
    shutil.move(study.cache, cache)
    assert study.collect().new == ["e1-k"]


def test_a_repository_without_commits(study: Study, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    write(tmp_path / "empty" / "data" / "catalog", ONE)
    write(tmp_path / "empty", {"dvc.yaml": b""})
    assert study.collect(tmp_path / "empty").new == ["e1-k"]


def test_a_project_outside_git(tmp_path: Path) -> None:
    study = Study(tmp_path / "plain")
    write(study.root, {"dvc.yaml": b"", "params.yaml": b""})
    with pytest.raises(RepositoryError, match="is in no Git repository; name other"):
        study.collect()
    assert not study.collected.exists()
    other = Study(tmp_path / "other").start().commit(ONE)
    assert study.collect(other.root).new == ["e1-k"]


def test_a_folder_that_holds_nothing(study: Study, tmp_path: Path) -> None:
    write(tmp_path / "empty", {"a file": b""})
    git(tmp_path, "init", "-q", "fresh")
    for name, words in {
        "nowhere": "does not exist",
        "empty/a file": "is a file",
        "empty": "holds no catalog; allowed: a Git repository",
        "fresh": "holds no catalog",
    }.items():
        with pytest.raises(RepositoryError, match=words) as error:
            study.collect(tmp_path / name)
        assert error.value.exit_code == 2 and str(tmp_path / name) in f"{error.value}"
    assert not study.collected.exists()
