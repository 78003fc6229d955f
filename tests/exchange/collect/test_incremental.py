"""Calling it again: what is read, what is written, and what an interruption leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.errors import DamagedFileError, Interrupted
from landscape_catalog.exchange.collect import collector
from landscape_catalog.exchange.collect.collection import Collection
from landscape_catalog.exchange.collect.contents import Contents
from landscape_catalog.exchange.collect.index import INDEX
from landscape_catalog.exchange.collect.places import Place
from landscape_catalog.paths import TEMPORARY_PREFIX
from tests.exchange.collect.studies import Files, Study, catalog, git, skipped, write

CATALOGS = {f"e{i}-k": catalog(f"e{i}", width=i) for i in (1, 2, 3, 4)}


@pytest.fixture
def several(study: Study) -> Study:
    """A study with four catalogs on four branches."""
    first, *others = CATALOGS.values()
    study.commit(first)
    study.refs({f"refs/heads/b{number}": files for number, files in enumerate(others)})
    return study


def state(study: Study) -> dict[Path, tuple[int, int]]:
    """Inode and time of every file and folder that was collected, but for the lock."""
    paths = (path for path in study.collected.rglob("*") if not path.name.startswith(".lock"))
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_nothing_new_reads_and_writes_nothing(
    several: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = several.collect()
    before = state(several)

    def read(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"read again: {args}")

    for name in ("blobs_at", "read_blobs", "CachedFiles", "RemoteFiles", "catalog_hash"):
        monkeypatch.setattr(collector, name, read)
    again = several.collect()
    assert again.experiments == first.experiments and not again.new
    assert state(several) == before


def test_only_what_is_new_is_read(several: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    several.collect()
    before = state(several)
    new = catalog("new", width=7)
    commit = several.branch("new", new)
    asked: list[str] = []
    real = collector.blobs_at
    monkeypatch.setattr(
        collector,
        "blobs_at",
        lambda git, commits, path: asked.extend(commits) or real(git, commits, path),
    )
    shutil.move(several.cache, several.cache.with_name("old"))
    several.branch("new", new)  # fills the cache with this one alone
    assert several.collect().new == ["new-k"]
    assert asked == [several.head("new")] and commit
    after = state(several)
    changed = {path for path in before if before[path] != after[path]}
    assert changed <= {several.collected / INDEX}


def test_a_new_name_for_known_content_changes_its_places_alone(several: Study) -> None:
    several.collect()
    before = state(several)
    git(several.repository, "tag", "v1", "b0")
    several.collect()
    after = state(several)
    folder = several.collected / "e2-k"
    assert {path for path in before if before[path] != after[path]} == {
        folder,
        folder / "source.json",
    }
    assert several.places("e2-k")[0]["refs"] == ["b0", "v1"]


DAMAGED = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'{"version": 2}',
    b'{"version": 3, "outputs": {}, "fingerprints": {}, "projects": {}, "stamps": {}}',
    b'{"version": 2, "outputs": [], "fingerprints": {}, "projects": {}, "stamps": {}}',
    b'{"version": 2, "outputs": {"": []}, "fingerprints": {}, "projects": {}, "stamps": {}}',
    b'{"version": 2, "outputs": {"": {"x": 1}}, "fingerprints": {}, "projects": {}, "stamps": {}}',
    b'{"version": 2, "outputs": {}, "fingerprints": {"x": null}, "projects": {}, "stamps": {}}',
    b'{"version": 2, "outputs": {}, "fingerprints": {}, "projects": {"x": "y"}, "stamps": {}}',
    b'{"version": 2, "outputs": {}, "fingerprints": {}, "projects": {}}',
    b'{"version": 2, "outputs": {}, "fingerprints": {}, "projects": {}, "stamps": {"x": 1}}',
    b'{"version": 2, "outputs": {}, "fingerprints": {}, "projects": {}, "stamps": []}',
    b"[" * 100_000,
    None,
)


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_index_is_made_again(several: Study, content: bytes | None) -> None:
    first, path = several.collect(), several.collected / INDEX
    whole, folders = path.read_bytes(), several.folders()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    again = several.collect()
    assert again.experiments == first.experiments and not again.new
    assert path.read_bytes() == whole and several.folders() == folders


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"places": 1}', b'{"places": [1]}', b'{"places": [{"path": 1}]}']
)
def test_damaged_places_are_found_again(several: Study, content: bytes) -> None:
    several.collect()
    whole = several.places("e2-k")
    (several.collected / "e2-k" / "source.json").write_bytes(content)
    several.collect()
    assert several.places("e2-k") == whole


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_unseen(path: Path) -> None:
    """Change a byte, and set the time of modification back."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def make_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("/dev/zero")


HARM: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a table is cut": ("cells.parquet", cut),
    "a table is changed": ("runs.parquet", flip_unseen),
    "a table is empty": ("experiments.parquet", lambda path: path.write_bytes(b"")),
    "a table is missing": ("phases.parquet", Path.unlink),
    "a table is a link": ("cells.parquet", make_link),
    "a table is a folder": ("cells.parquet", lambda path: (path.unlink(), path.mkdir())),
    "an empty manifest": ("manifest.json", lambda path: path.write_bytes(b"")),
    "a manifest of nothing": ("manifest.json", lambda path: path.write_bytes(b"{}")),
    "a manifest that is cut": ("manifest.json", cut_in_half := lambda path: path.write_bytes(path.read_bytes()[:80])),
    "places that are cut": ("source.json", cut_in_half),
}  # fmt: skip


@pytest.mark.parametrize("index_is_lost", [False, True])
@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_folder_is_mended(several: Study, harm: str, index_is_lost: bool) -> None:
    """With the places that it had: a name that no longer exists is kept."""
    git(several.repository, "branch", "gone", "b0")
    several.collect()
    git(several.repository, "branch", "-D", "gone")
    whole = several.places("e2-k")
    name, do = HARM[harm]
    do(several.collected / "e2-k" / name)
    before = state(several)
    if index_is_lost:
        (several.collected / INDEX).unlink()
    outcome = several.collect()
    assert outcome.mended == ([] if name == "source.json" else ["e2-k"])
    assert not outcome.new and outcome.experiments["e2-k"] == ["b0"]
    assert several.folders() == CATALOGS
    assert several.places("e2-k")[0]["revision"] == several.head("b0")
    if name != "source.json":
        assert several.places("e2-k") == whole
    for folder in CATALOGS.keys() - {"e2-k"}:
        path = several.collected / folder
        assert state(several)[path] == before[path]
    loaded = open_catalog(several.root, source="all").table("cells")
    assert set(loaded["origin"]) == set(CATALOGS)
    assert not several.collect().mended


def test_a_damaged_folder_stays_where_its_content_is_lost(several: Study) -> None:
    several.collect()
    path = several.collected / "e2-k" / "cells.parquet"
    cut(path)
    shutil.rmtree(several.cache)
    before = state(several)
    outcome = several.collect()
    assert skipped(outcome) == {"missing cache": ["b0"]} and not outcome.mended
    assert {p: s for p, s in state(several).items() if p.parent != several.collected} == {
        p: s for p, s in before.items() if p.parent != several.collected
    }
    with pytest.raises(DamagedFileError, match="collect it again; if it cannot be found any more"):
        open_catalog(several.root, source="all").table("cells")


def test_a_folder_without_a_manifest_is_left_alone(
    several: Study, caplog: pytest.LogCaptureFixture
) -> None:
    several.collect()
    (several.collected / "e2-k" / "manifest.json").unlink()
    for _ in range(2):
        outcome = several.collect()
        folders = several.folders()
        (beside,) = (name for name in folders if name.startswith("e2-k-"))
        assert folders[beside] == CATALOGS["e2-k"]
        assert outcome.experiments[beside] == ["b0"]
    assert f"{several.collected / 'e2-k'} is no catalog that can be read" in caplog.text


def test_an_interruption_between_two_folders(
    several: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = Collection.add, []

    def add(collection: Collection, contents: Contents, place: Place) -> str:
        if len(written) == 2:
            raise Interrupted
        written.append(real(collection, contents, place))
        return written[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Collection, "add", add)
        with pytest.raises(Interrupted):
            several.collect()
    assert several.folders() == {name: CATALOGS[name] for name in written}
    before = state(several)
    outcome = several.collect()
    assert sorted(outcome.new + written) == list(CATALOGS)
    assert several.folders() == CATALOGS
    kept = {path for path in before if path.parent.name in written}
    assert kept and {path: state(several)[path] for path in kept} == {p: before[p] for p in kept}


def test_a_kill_while_a_folder_is_written(several: Study) -> None:
    """What it leaves half-written is removed, and what it has written is kept."""
    write(several.collected / f"{TEMPORARY_PREFIX}abc", {"cells.parquet": b"half"})
    write(several.collected / "e1-k", CATALOGS["e1-k"])  # killed before the places were written
    outcome = several.collect()
    assert sorted(outcome.new) == ["e2-k", "e3-k", "e4-k"]
    assert several.folders() == CATALOGS
    assert several.places("e1-k")[0]["refs"] == ["main"]


def started(study: Study, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "landscape_catalog", "collect", *words],
        cwd=study.root,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_two_at_the_same_time(several: Study) -> None:
    both = [started(several), started(several)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert several.folders() == CATALOGS
    new = sorted(int(out.split(b"(")[1].split(b" ")[0]) for out, _ in said)
    assert new == [0, 4]


@pytest.mark.slow
def test_a_kill_at_any_time(study: Study) -> None:
    """Killed after ever longer times, it goes on, and in the end everything is there."""
    many: dict[str, Files] = {}
    for number in range(1, 17):
        many |= {f"e{number}-k": catalog(f"e{number}", width=number)}
    study.commit(many["e1-k"])
    study.refs({f"refs/heads/b{number}": files for number, files in enumerate(many.values())})
    for folders in (1, 8):
        process = started(study)
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            there = list(study.collected.glob("e*")) if study.collected.exists() else []
            if len(there) >= folders:
                process.send_signal(signal.SIGKILL)
        process.communicate()
        kept = study.folders()
        assert kept == {name: many[name] for name in kept}
    outcome = study.collect()
    assert study.folders() == many
    assert set(outcome.experiments) == set(many)
