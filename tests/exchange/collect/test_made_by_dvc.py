"""A repository that DVC itself has made: branches, experiments, a queue, and what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.exchange.collect.studies import Study, catalog, git, object_path, skipped, write

pytestmark = pytest.mark.slow

STAGES = """\
stages:
  aggregate:
    cmd: mkdir -p data && rm -rf data/catalog && cp -r "prepared/${which}" data/catalog
    params: [which]
    outs:
    - data/catalog:
        persist: true
"""
EXPERIMENTS = [f"exp-{number}" for number in range(10)]
PREPARED = {name: catalog(name.replace("-", ""), width=1 + i) for i, name in enumerate(EXPERIMENTS)}
PREPARED |= {
    "main": catalog("main", width=20, schema=1),
    "wide": catalog("wide", width=21),
    "deep": PREPARED["exp-3"],  # what an experiment had found was committed later
    "oldest": {"cells.parquet": b"from before there were manifests"},
    "unmarked": catalog("unmarked", width=22, schema=None),
    "future": catalog("future", width=23, schema=99),
}
LOST = "exp-7"  # its objects are not in the cache


# Calls of DVC one after the other in one process, since starting it takes as long as a call.
CALLS = "import dvc.cli, json, sys; sys.exit(max(map(dvc.cli.main, json.loads(sys.argv[1]))))"


def dvc(root: Path, *words: str) -> str:
    return calls_of_dvc(root, [words])


def calls_of_dvc(root: Path, calls: Iterable[tuple[str, ...]]) -> str:
    who = {
        f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps(list(calls))],
        cwd=root,
        env=os.environ | who | {"DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(root: Path) -> None:
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    dvc(root, "init", "-q")
    for name, files in PREPARED.items():
        write(root / "prepared" / name, files)
    write(root, {"dvc.yaml": STAGES.encode(), "params.yaml": b"which: main\n"})
    (root / ".gitignore").write_text("/data\n/prepared\n")
    dvc(root, "repro", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "main")
    run = ("exp", "run", "-q")
    calls = [(*run, "-n", name, "-S", f"which={name}") for name in EXPERIMENTS]
    calls_of_dvc(root, [*calls, (*run, "--queue", "-n", "waiting", "-S", "which=wide")])
    git(root, "checkout", "-q", "--", ".")
    for name in ("wide", "deep", "oldest", "unmarked", "future"):
        git(root, "checkout", "-q", "-b", name, "main")
        write(root, {"params.yaml": f"which: {name}\n".encode()})
        dvc(root, "repro", "-q")
        git(root, "commit", "-qam", name)
    git(root, "checkout", "-q", "main")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository; the processes of pytest-xdist share it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root, done = base / "made by dvc", base / "made by dvc.done"
    with FileLock(base / "made by dvc.lock"):
        if not done.exists():
            make(root)
            done.touch()
    return root


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Study:
    """A copy, without an object of one experiment and without a workspace."""
    shutil.copytree(made, tmp_path / "copy", symlinks=True)
    study = Study(tmp_path / "copy")
    shutil.rmtree(study.root / "data")
    shutil.rmtree(study.root / "prepared")
    object_path(study.cache, shown_by_dvc(study)[LOST]).unlink()
    return study


def shown_by_dvc(study: Study) -> dict[str, str]:
    """The hash of the catalog in each branch and experiment, as `dvc exp show` says."""
    found: dict[str, str] = {}

    def add(entry: dict[str, Any]) -> None:
        for each in entry.get("revs") or [entry]:
            output = (each["data"] or {}).get("outs", {}).get("data/catalog")
            if output and each["name"]:
                found[each["name"]] = output["hash"]
        for each in entry.get("experiments") or ():
            add(each)

    for entry in json.loads(dvc(study.root, "exp", "show", "--json", "-a")):
        add(entry)
    return found


def test_everything_is_collected_or_named(study: Study) -> None:
    outcome = study.collect(experiments=True)

    good = {name for name in PREPARED if name not in ("oldest", "future", LOST)}
    folders = {f"{name.replace('-', '')}-k": PREPARED[name] for name in good - {"deep"}}
    assert study.folders() == folders
    assert set(outcome.new) == set(folders)
    assert skipped(outcome) == {
        "older schema": ["oldest"],
        "newer schema": ["future"],
        "missing cache": [LOST],
        "queued experiment": ["waiting"],
    }
    assert outcome.revisions == len(good)
    assert sorted(outcome.experiments["exp3-k"]) == ["deep", "exp-3"]


def test_the_same_as_dvc_finds(study: Study) -> None:
    """DVC lists the revisions and the hashes; the folder's content has the hash that it says."""
    study.collect(experiments=True)
    hashes = shown_by_dvc(study)
    assert set(hashes) >= {*EXPERIMENTS, "main", "wide", "deep"}
    found = {}
    for name in study.folders():
        for place in study.places(name):
            for ref in place["refs"]:
                found[ref] = (study.collected / name, place["revision"])
    for ref, (folder, revision) in found.items():
        listing = json.loads(object_path(study.cache, hashes[ref]).read_text())
        for entry in listing:
            stored = object_path(study.cache, entry["md5"]).read_bytes()
            assert (folder / entry["relpath"]).read_bytes() == stored
        if ref in ("main", "wide", "deep"):
            assert revision == study.head(ref)
    missing = {"oldest", "future", LOST, "waiting"}
    assert set(found) == set(hashes) - missing


def test_again_with_nothing_new_and_without_a_cache(study: Study) -> None:
    first = study.collect(experiments=True)
    shutil.rmtree(study.cache)
    again = study.collect(experiments=True)
    assert again.experiments == first.experiments and not again.new
    assert skipped(again)["missing cache"] == ["future", "oldest", LOST]


def test_without_experiments(study: Study) -> None:
    outcome = study.collect()
    assert set(outcome.experiments) == {"main-k", "wide-k", "exp3-k", "unmarked-k"}
    assert "queued experiment" not in skipped(outcome)


def test_the_objects_come_from_a_dvc_remote(study: Study) -> None:
    dvc(study.root, "remote", "add", "-q", "--local", "-d", "far", "../../dvc remote")
    dvc(study.root, "push", "-q", "--all-branches")
    shutil.rmtree(study.cache)
    outcome = study.collect(experiments=True)
    assert {"main-k", "wide-k", "unmarked-k", "exp3-k"} <= set(outcome.experiments)
    assert study.folders()["wide-k"] == PREPARED["wide"]
    assert LOST in skipped(outcome)["missing cache"]
    assert not study.cache.exists()


def test_a_failed_experiment_is_named(study: Study) -> None:
    """As DVC's queue records it: the entry moves from one stash to another."""
    stash, failed = "refs/exps/celery/stash", "refs/exps/celery/failed"
    message = git(study.repository, "log", "-1", "--format=%gs", "--walk-reflogs", stash)
    words = ("update-ref", "--create-reflog", "-m", message, failed, stash)
    git(study.repository, *words)
    git(study.repository, "update-ref", "-d", stash)
    assert skipped(study.collect(experiments=True))["failed experiment"] == ["waiting"]
