"""Catalogs of a Git remote, and of a DVC remote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from landscape_catalog.errors import RepositoryError
from landscape_catalog.exchange.collect.git import Git, what_is_wrong
from landscape_catalog.exchange.collect.git_remote import GitRemote, remote_url, without_secrets
from tests.exchange.collect.studies import Study, catalog, git, object_path, skipped, store

ONE, TWO, THREE = (catalog(f"e{i}", width=i) for i in (1, 2, 3))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Study, Study]:
    """A study, and a clone of it with a further branch, tag and experiment, as its remote."""
    study = Study(tmp_path / "a study").start().commit(ONE)
    git(tmp_path, "clone", "-q", str(study.repository), "upstream")
    upstream = Study(tmp_path / "upstream")
    upstream.branch("new", TWO)
    git(upstream.repository, "tag", "-a", "v2", "-m", "x", "new")
    upstream.experiment("exp-a", THREE)
    git(study.repository, "remote", "add", "upstream", "../upstream")
    return study, upstream


def refs(study: Study) -> str:
    return git(study.repository, "for-each-ref") + git(study.repository, "count-objects", "-v")


@pytest.mark.parametrize("given", ["upstream", "PATH", "file://PATH"])
def test_a_remote(pair: tuple[Study, Study], given: str) -> None:
    study, upstream = pair
    before = refs(study)
    url = given.replace("PATH", str(upstream.repository))
    outcome = study.collect(remote=url)
    assert study.folders() == {"e1-k": ONE, "e2-k": TWO}
    assert outcome.new == ["e1-k", "e2-k"]
    name = url if "PATH" in given else str(upstream.repository)
    assert study.places("e2-k") == [
        {
            "repository": name,
            "revision": upstream.head("new"),
            "path": "data/catalog",
            "refs": ["new", "v2"],
        }
    ]
    assert [place.get("repository") for place in study.places("e1-k")] == [None, name]
    study.collect(remote=url, experiments=True)
    assert study.places("e3-k")[0]["refs"] == ["exp-a"]
    assert refs(study) == before


def test_it_is_fetched_only_for_new_commits(
    pair: tuple[Study, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, upstream = pair
    fetched = []
    real = GitRemote.git.func  # type: ignore[attr-defined]

    def counted(remote: GitRemote) -> Git:
        if "git" not in vars(remote):
            fetched.append(1)
            vars(remote)["git"] = real(remote)
        result: Git = vars(remote)["git"]
        return result

    monkeypatch.setattr(GitRemote, "git", property(counted))
    study.collect(remote="upstream")
    assert len(fetched) == 1
    shutil.rmtree(upstream.cache)  # nothing is read again either
    assert set(study.collect(remote="upstream").experiments) == {"e1-k", "e2-k"}
    assert len(fetched) == 1
    upstream.branch("newer", THREE)
    assert study.collect(remote="upstream").new == ["e3-k"]
    assert len(fetched) == 2


def test_every_commit_of_a_remote(pair: tuple[Study, Study]) -> None:
    study, upstream = pair
    upstream.commit(THREE).commit(TWO)
    assert set(study.collect(remote="upstream").experiments) == {"e1-k", "e2-k"}
    assert set(study.collect(remote="upstream", revs="all").experiments) == {"e1-k", "e2-k", "e3-k"}
    by_hash = study.collect(remote="upstream", revs=upstream.head("HEAD~1")[:8])
    assert set(by_hash.experiments) == {"e3-k"}


def test_a_remote_with_the_project_elsewhere(study: Study, tmp_path: Path) -> None:
    other = Study(tmp_path / "mono", "deep/down").start().commit(TWO)
    for _ in range(2):
        outcome = study.collect(remote=str(other.repository))
        assert set(outcome.experiments) == {"e2-k"}
        assert study.places("e2-k")[0]["path"] == "deep/down/data/catalog"


def test_a_project_outside_git_and_a_url(tmp_path: Path, pair: tuple[Study, Study]) -> None:
    study = Study(tmp_path / "plain")
    study.root.mkdir()
    outcome = study.collect(remote=f"file://{pair[1].repository}")
    assert set(outcome.experiments) == {"e2-k"}
    assert list(skipped(outcome)) == ["missing cache"]  # `dvc pull` has not been run there


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("origin", r"got 'origin'; allowed: a remote of this repository \(evil, upstream\), or a"),
        ("-upload-pack=touch x", "got '-upload-pack=touch x'"),
        ("--upload-pack=touch /tmp/x", "got '--upload-pack=touch /tmp/x'"),
        ("ext::sh -c touch% x", "got 'ext::sh -c touch% x'"),
        ("evil", "got 'ext::sh -c touch% x'"),
        ("fd::17/x", "got 'fd::17/x'"),
        ("file:///nowhere/at/all", "file:///nowhere/at/all cannot be reached"),
        ("/nowhere/at/all", "cannot be reached: '/nowhere/at/all' does not appear to be a git"),
    ],
)
def test_remotes_that_are_refused(pair: tuple[Study, Study], given: str, words: str) -> None:
    study, _ = pair
    git(study.repository, "config", "remote.evil.url", "ext::sh -c touch% x")
    with pytest.raises(RepositoryError, match=words) as error:
        study.collect(remote=given)
    assert error.value.exit_code == 2
    assert not study.collected.exists() and not (study.root / "x").exists()


REFUSED = "fatal: Could not read from remote repository.\n"
PLEASE = "\nPlease make sure you have the correct access rights\nand the repository exists.\n"
SAID = {
    f"fatal: '/x' does not appear to be a git repository\n{REFUSED}{PLEASE}": (
        "'/x' does not appear to be a git repository"
    ),
    f"ssh: Could not resolve hostname x: unknown\r\n{REFUSED}{PLEASE}": (
        "ssh: Could not resolve hostname x: unknown"
    ),
    f"Warning: Permanently added 'x'.\ngit@x: Permission denied (publickey).\n{REFUSED}{PLEASE}": (
        "git@x: Permission denied (publickey)."
    ),
    "fatal: unable to access 'http://x/': Failed to connect\n": (
        "unable to access 'http://x/': Failed to connect"
    ),
    "warning: a\nerror: RPC failed\nfatal: the remote end hung up\n": "RPC failed",
    "fatal: detected dubious ownership in repository at '/x'\nTo add an exception, call:\n\n\tgit": (
        "detected dubious ownership in repository at '/x'"
    ),
    REFUSED: "Could not read from remote repository.",
    "hint: only\n": "hint: only",
    "": "",
}


@pytest.mark.parametrize("said", SAID)
def test_the_line_that_says_what_is_wrong(said: str) -> None:
    assert what_is_wrong(said) == SAID[said]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:token@example.org/a.git", "https://example.org/a.git"),
        ("https://token@example.org:8443/a.git?b#c", "https://example.org:8443/a.git?b#c"),
        ("ssh://git:secret@example.org/a.git", "ssh://git@example.org/a.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("/a/b@c", "/a/b@c"),
    ],
)
def test_passwords_are_not_written_down(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_passwords_are_not_in_messages(study: Study) -> None:
    with pytest.raises(RepositoryError, match="cannot be reached") as error:
        study.collect(remote="http://me:sesame@127.0.0.1:9/a.git")
    assert "sesame" not in f"{error.value}"


def test_the_url_of_a_name(pair: tuple[Study, Study]) -> None:
    study, upstream = pair
    own = Git(study.repository)
    assert remote_url("upstream", own) == str(upstream.repository)
    git(study.repository, "config", "url.https://example.org/.insteadOf", "ex:")
    git(study.repository, "remote", "add", "short", "ex:a.git")
    assert remote_url("short", own) == "https://example.org/a.git"


@pytest.fixture
def pushed(study: Study) -> Study:
    """A study whose objects are in a DVC remote, and no longer in its cache."""
    remote = study.repository.parent / "dvc remote"
    config = f"[core]\n    remote = far\n['remote \"far\"']\n    url = {remote}\n"
    (study.root / ".dvc" / "config").write_text(config)
    study.commit(ONE)
    shutil.move(study.cache, remote)
    return study


def test_a_dvc_remote_is_read_where_the_cache_lacks_objects(pushed: Study) -> None:
    assert pushed.collect().new == ["e1-k"]
    assert pushed.folders() == {"e1-k": ONE}
    assert not pushed.cache.exists()


def test_a_dvc_remote_that_lacks_them_too(pushed: Study) -> None:
    remote = pushed.repository.parent / "dvc remote"
    object_path(remote, store(remote, ONE)).unlink()
    outcome = pushed.collect()
    assert skipped(outcome) == {"missing cache": ["main"]}
    ((found,),) = outcome.skipped.values()
    assert found.detail == "neither the cache nor the DVC remote has manifest.json"


def test_a_dvc_remote_of_the_revision_alone(pushed: Study) -> None:
    """Its configuration names it; that of the working tree no longer does."""
    pushed.branch("other", ONE)
    (pushed.root / ".dvc" / "config").write_text("")
    assert set(pushed.collect().experiments) == {"e1-k"}


def test_a_dvc_remote_that_was_added_later(study: Study) -> None:
    """Today's configuration names it; that of the revision does not."""
    study.commit(ONE)
    remote = study.repository.parent / "dvc remote"
    shutil.move(study.cache, remote)
    assert skipped(study.collect()) == {"missing cache": ["main"]}
    config = f"[core]\n    remote = far\n['remote \"far\"']\n    url = {remote}\n"
    (study.root / ".dvc" / "config").write_text(config)
    assert study.collect().new == ["e1-k"]


def test_objects_that_one_repository_lacks_and_another_has(pushed: Study, tmp_path: Path) -> None:
    """What cannot be had from the first is looked for in the second as well."""
    remote = pushed.repository.parent / "dvc remote"
    shutil.rmtree(remote)
    other = Study(tmp_path / "other").start().commit(ONE)
    outcome = pushed.collect(other.root)
    assert outcome.new == ["e1-k"] and skipped(outcome) == {"missing cache": ["main"]}
    assert set(pushed.collect().experiments) == {"e1-k"}


def test_a_dvc_remote_that_cannot_be_reached_is_tried_once(
    pushed: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dvc.api

    calls = []

    def refuse(*args: object, **kwargs: object) -> None:
        calls.append(1)
        raise ConnectionError("no route")

    monkeypatch.setattr(dvc.api, "DVCFileSystem", refuse)
    pushed.refs({"refs/heads/a": TWO, "refs/heads/b": THREE})
    shutil.rmtree(pushed.cache)
    outcome = pushed.collect()
    assert skipped(outcome) == {"missing cache": ["a", "b", "main"]}
    assert calls == [1]
    assert "no route" in outcome.skipped.popitem()[1][2].detail


def test_a_dvc_remote_in_a_monorepo_and_through_a_git_remote(tmp_path: Path) -> None:
    study = Study(tmp_path / "mono", "sub").start()
    remote = tmp_path / "dvc remote"
    config = f"[core]\n    remote = far\n['remote \"far\"']\n    url = {remote}\n"
    (study.root / ".dvc" / "config").write_text(config)
    study.commit(ONE)
    shutil.move(study.cache, remote)
    assert study.collect().new == ["e1-k"]
    other = Study(tmp_path / "other").start()
    assert other.collect(remote=str(study.repository)).new == ["e1-k"]
    assert other.folders() == {"e1-k": ONE}
