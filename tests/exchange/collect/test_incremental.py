"""Calling it again: what is read, what is written, and what an interruption leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscape_catalog.errors import Interrupted
from landscape_catalog.exchange.collect import collector
from landscape_catalog.exchange.collect.collection import Collection
from landscape_catalog.exchange.collect.contents import Contents
from landscape_catalog.exchange.collect.index import INDEX
from landscape_catalog.exchange.collect.places import Place
from landscape_catalog.paths import TEMPORARY_PREFIX
from tests.exchange.collect.studies import Files, Study, catalog, git, write

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
    b'{"version": 1}',
    b'{"version": 2, "outputs": {}, "fingerprints": {}, "projects": {}}',
    b'{"version": 1, "outputs": [], "fingerprints": {}, "projects": {}}',
    b'{"version": 1, "outputs": {"": []}, "fingerprints": {}, "projects": {}}',
    b'{"version": 1, "outputs": {"": {"x": 1}}, "fingerprints": {}, "projects": {}}',
    b'{"version": 1, "outputs": {}, "fingerprints": {"x": null}, "projects": {}}',
    b'{"version": 1, "outputs": {}, "fingerprints": {}, "projects": {"x": "y"}}',
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


@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_a_damaged_folder_is_collected_beside_itself(
    several: Study, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    several.collect()
    path = several.collected / "e2-k" / "manifest.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
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
