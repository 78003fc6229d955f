"""Nothing but `data/collected` is changed, and no program of a repository is started."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from landscape_catalog.errors import RepositoryError
from tests.exchange.collect.studies import Study, catalog, git, write

ONE, TWO = catalog("e1"), catalog("e2", width=2)


def everything(study: Study) -> dict[str, str]:
    """Every file of a repository, with Git's own, but for what is collected."""
    return {
        str(path.relative_to(study.repository)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in study.repository.rglob("*")
        if path.is_file() and not path.is_relative_to(study.collected)
    }


def test_nothing_else_is_changed(study: Study, tmp_path: Path) -> None:
    study.commit(ONE)
    study.branch("b", TWO)
    study.experiment("exp-a", TWO)
    write(study.root, {"a change": b"", "params.yaml": b"changed"})
    git(study.repository, "add", "a change")
    other = Study(tmp_path / "other").start().commit(TWO)
    before = everything(study), everything(other)
    study.collect(other.root, revs="all", experiments=True, remote=str(other.repository))
    assert (everything(study), everything(other)) == before
    assert not list(tmp_path.glob("landscape-collect-*"))


PROGRAMS = {
    "core.fsmonitor": "{program}",
    "core.hooksPath": "{hooks}",
    "core.pager": "{program}",
    "core.sshCommand": "{program}",
    "core.alternateRefsCommand": "{program}",
    "gpg.program": "{program}",
    "log.showSignature": "true",
    "uploadpack.packObjectsHook": "{program}",
    "credential.helper": "!{program}",
    "core.askPass": "{program}",
    "filter.x.smudge": "{program}",
    "diff.x.textconv": "{program}",
    # Objects that are missing would be fetched from here.
    "extensions.partialClone": "promisor",
    "remote.promisor.promisor": "true",
    "remote.promisor.url": "{repository}",
    "remote.promisor.uploadpack": "{program}",
    "remote.promisor.partialCloneFilter": "blob:none",
    "protocol.ext.allow": "always",
    "protocol.file.allow": "always",
}


def test_a_repository_starts_no_program(study: Study, tmp_path: Path) -> None:
    other = Study(tmp_path / "other").start().commit(ONE)
    other.branch("b", TWO)
    other.experiment("exp-a", TWO)
    trace = tmp_path / "started"
    program = write(tmp_path, {"program": f"#!/bin/sh\ntouch '{trace}'\n".encode()}) / "program"
    program.chmod(0o755)
    hooks = write(tmp_path / "hooks", {"reference-transaction": program.read_bytes()})
    (hooks / "reference-transaction").chmod(0o755)
    (other.root / ".gitattributes").write_text("* filter=x diff=x\n")
    other.commit(ONE)
    (objects,) = git(other.repository, "rev-parse", "--git-path", "objects").split()
    blob = other.head("b:dvc.lock")
    (other.repository / objects / blob[:2] / blob[2:]).unlink(missing_ok=True)
    for pack in (other.repository / objects / "pack").glob("*"):
        pack.chmod(0o644)
        pack.rename(tmp_path / pack.name)
    git(other.repository, "config", "core.repositoryFormatVersion", "1")
    for key, value in PROGRAMS.items():
        filled = value.format(program=program, hooks=hooks, repository=other.repository)
        git(other.repository, "config", key, filled)
    trace.unlink(missing_ok=True)

    outcome = study.collect(other.root, revs="main")
    assert "e1-k" in outcome.experiments
    study.collect(other.root, experiments=True)
    assert not trace.exists()


def test_variables_of_a_hook_point_to_no_other_repository(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.commit(ONE)
    other = Study(tmp_path / "other").start().commit(TWO)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(other.repository / ".git"))
    monkeypatch.delenv("GIT_WORK_TREE")
    assert study_collects(study) == {"e1-k"}


def study_collects(study: Study) -> set[str]:
    return set(study.collect().experiments)


def test_git_that_is_not_there(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RepositoryError, match="`git` was not found"):
        study.collect()


def test_a_ref_of_something_else(study: Study) -> None:
    """Tags of files, of trees and of tags, a nested tag, and names with odd characters."""
    study.commit(ONE)
    git(study.repository, "tag", "blob", study.head("HEAD:params.yaml"))
    git(study.repository, "tag", "-a", "tree", "-m", "x", study.head("HEAD^{tree}"))
    git(study.repository, "tag", "-a", "inner", "-m", "x")
    git(study.repository, "tag", "-a", "outer", "-m", "x", "inner")
    git(study.repository, "branch", "é/ü 'x'".replace(" ", "-"))
    git(study.repository, "branch", "-m", "main", "head")
    assert study.collect().experiments == {"e1-k": ["head"]}
    assert study.places("e1-k")[0]["refs"] == ["head", "é/ü-'x'", "inner", "outer"]


@pytest.mark.parametrize(
    "revs", ["nothing", "x*", "", "0000000", "--all", "-x", "v1..main", "HEAD"]
)
def test_revisions_that_match_nothing(study: Study, revs: str) -> None:
    study.commit(ONE)
    with pytest.raises(RepositoryError, match="matches nothing; allowed: all, a pattern") as error:
        study.collect(revs=revs, experiments=True)
    assert error.value.exit_code == 2
    assert not study.collected.exists()
