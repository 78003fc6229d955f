"""Which entries of a store a selection removes, and that others may use it meanwhile."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscape_catalog.errors import StorageError
from landscape_catalog.store import pruning
from landscape_catalog.store.cache import mark_used, run_cache
from landscape_catalog.store.contents import Entry, current, read_contents
from landscape_catalog.store.files import write_file, write_folder
from landscape_catalog.store.partial import partial_folder, run_locks
from landscape_catalog.store.pruning import Removal, Selection, choose, remove_entry
from tests.store.test_files_and_cache import a_run, flip

HOUR, DAY = 3600.0, 86400.0
NOW = 1.7e9
IDS = [digit * 16 for digit in "0123456789abcdef"]


def age(path: Path, seconds: float, now: float = NOW) -> None:
    os.utime(path, (now - seconds,) * 2)


def make_store(store: Path, now: float = NOW) -> None:
    """Runs and measurements of 100 bytes and many ages, and one of every other kind."""
    for name, seconds in zip(IDS, (0, HOUR - 1, HOUR, DAY, 30 * DAY, 60 * DAY), strict=False):
        write_folder(
            store / "runs" / name, {"record.json": b"r" * 40, "weights.safetensors": b"w" * 60}
        )
        age(store / "runs" / name, seconds, now)
    for name, seconds in zip(IDS, (HOUR - 1, 10 * DAY, 45 * DAY), strict=False):
        path = store / "measurements" / f"{name}.json"
        write_file(path, b"m" * 100)
        age(path, seconds, now)
    others = {
        f"data/{IDS[0]}.json": 99 * DAY,
        f"partial/{IDS[10]}.checkpoint": DAY - 1,
        f"partial/{IDS[11]}.checkpoint": 40 * DAY,
        f"partial/{IDS[12]}.lock": DAY - 1,
        f"partial/{IDS[13]}.lock": DAY,
        f"partial/{IDS[14]}.lock.holder": 2 * DAY,
        f"runs/.tmp-{'0' * 32}": DAY - 1,
        f"measurements/.tmp-{'1' * 32}": DAY,
        "runs/unknown": 99 * DAY,
    }
    for place, seconds in others.items():
        write_file(store / place, b"1234567890")
        age(store / place, seconds, now)


LEFT = {f"lock {IDS[13][:1]}", f"lock {IDS[14][:1]}", "temporary 1"}
# Each selection, what goes besides what killed processes have left, and how much may be in use.
SELECTIONS: dict[str, tuple[Selection, set[str], int]] = {
    "nothing": (Selection(), set(), 0),
    "any age": (
        Selection(older_than=0),
        {"run 2", "run 3", "run 4", "run 5", "measurement 1", "measurement 2", "checkpoint b"},
        4,
    ),
    "a day": (
        Selection(older_than=DAY),
        {"run 3", "run 4", "run 5", "measurement 1", "measurement 2", "checkpoint b"},
        0,
    ),
    "a month": (
        Selection(older_than=30 * DAY),
        {"run 4", "run 5", "measurement 2", "checkpoint b"},
        0,
    ),
    "a year": (Selection(older_than=365 * DAY), set(), 0),
    "unused": (
        Selection(unused=True),
        {"run 2", "run 3", "run 5", "measurement 1"},
        3,
    ),
    "unused for a month": (Selection(older_than=30 * DAY, unused=True), {"run 5"}, 0),
    "room for all": (Selection(max_size=10**6), set(), 0),
    "exactly what is there": (Selection(max_size=950), set(), 0),
    "one too many": (Selection(max_size=949), {"run 5"}, 0),
    "two too many": (Selection(max_size=849), {"run 5", "measurement 2"}, 0),
    "by age across kinds": (
        Selection(max_size=745),
        {"run 5", "measurement 2", "checkpoint b"},
        0,
    ),
    "nothing may stay": (
        Selection(max_size=0),
        {"run 2", "run 3", "run 4", "run 5", "measurement 1", "measurement 2", "checkpoint b"},
        4,
    ),
    "a size, of what is old": (
        Selection(older_than=40 * DAY, max_size=0),
        {"run 5", "measurement 2", "checkpoint b"},
        0,
    ),
    "a size, of what is unused": (Selection(unused=True, max_size=800), {"run 5", "measurement 1"}, 0),
}  # fmt: skip


def short(entry: Entry) -> str:
    digit = entry.key.removeprefix(".tmp-")[0]
    return f"{entry.kind.removesuffix('s')} {digit}"


@pytest.mark.parametrize("name", SELECTIONS)
def test_what_a_selection_removes(name: str, tmp_path: Path) -> None:
    make_store(tmp_path)
    selection, expected, n_in_use = SELECTIONS[name]
    contents = read_contents(tmp_path)
    held = {("runs", IDS[4]), ("measurements", IDS[2]), ("runs", IDS[9])}
    before = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    choice = choose(contents, selection, held, NOW)
    assert {short(entry) for entry in choice.removed} == expected | LEFT
    assert len(choice.removed) == len(expected | LEFT)
    assert len(choice.in_use) == n_in_use
    assert read_contents(tmp_path) == contents, "choosing changes nothing"
    assert [remove_entry(entry) for entry in choice.removed] == [Removal.DONE] * len(choice.removed)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert before - sum(path.stat().st_size for path in left) == sum(
        entry.size for entry in choice.removed
    )
    assert choice.size_left == sum(path.stat().st_size for path in left if path.name != "unknown")
    assert (tmp_path / "runs" / "unknown").exists()
    again = choose(read_contents(tmp_path), selection, held, NOW)
    assert again.removed == ()


def test_results_and_checkpoints_of_runs_in_training_are_kept(tmp_path: Path) -> None:
    make_store(tmp_path)
    contents, anything = read_contents(tmp_path), Selection(older_than=0)
    with run_locks(partial_folder(tmp_path), [IDS[5], IDS[11]]):
        choice = choose(contents, anything, (), NOW)
        assert {short(entry) for entry in choice.in_use} >= {"run 5", "checkpoint b"}
        for entry in contents.entries:
            if short(entry) in ("run 5", "checkpoint b"):
                assert remove_entry(entry) is Removal.USED
                assert entry.path.exists()
    removed = {short(entry) for entry in choose(contents, anything, (), NOW).removed}
    assert removed >= {"run 5", "checkpoint b"}


def test_looking_for_locks_leaves_them_as_they_are(tmp_path: Path) -> None:
    make_store(tmp_path)
    before = {path: path.lstat() for path in sorted(tmp_path.rglob("*"))}
    choose(read_contents(tmp_path), Selection(older_than=0), (), NOW)
    after = {path: path.lstat() for path in sorted(tmp_path.rglob("*"))}
    assert list(after) == list(before)
    assert [s.st_mtime_ns for s in after.values()] == [s.st_mtime_ns for s in before.values()]


def test_what_is_used_or_gone_after_it_was_listed_is_left_out(tmp_path: Path) -> None:
    make_store(tmp_path)
    entries = {short(entry): entry for entry in read_contents(tmp_path).entries}
    assert mark_used(entries["run 5"].path)
    assert remove_entry(entries["run 5"]) is Removal.USED
    assert remove_entry(entries["run 4"]) is Removal.DONE
    assert remove_entry(entries["run 4"]) is Removal.GONE
    write_file(entries["run 3"].path / "notes.txt", b"mine")
    assert remove_entry(entries["run 3"]) is Removal.USED
    write_file(entries["checkpoint b"].path, b"a new checkpoint")
    assert remove_entry(entries["checkpoint b"]) is Removal.USED
    assert entries["checkpoint b"].path.read_bytes() == b"a new checkpoint"
    assert (entries["run 3"].path / "notes.txt").exists()


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside, store = tmp_path / "outside", tmp_path / "store"
    write_folder(outside / IDS[0], {"record.json": b"precious"})
    left = store / "runs" / f".tmp-{'a' * 32}"
    left.mkdir(parents=True)
    (left / "inner").symlink_to(outside)
    (store / "runs" / IDS[1]).symlink_to(outside / IDS[0])
    (store / "measurements").symlink_to(outside)
    age(left, 9 * DAY)
    for entry in choose(read_contents(store), Selection(older_than=0), (), NOW + 9 * DAY).removed:
        remove_entry(entry)
    assert not left.exists()
    assert (outside / IDS[0] / "record.json").read_bytes() == b"precious"
    assert {path.name for path in store.rglob("*")} == {"runs", IDS[1], "measurements"}


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_store_that_cannot_be_written(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "rename", refuse)
    for entry in read_contents(tmp_path).of("runs"):
        with pytest.raises(StorageError):
            remove_entry(entry)
        assert current(entry) == entry


def test_use_is_marked_and_only_now_and_then(tmp_path: Path) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    a_run(tmp_path / "store" / "runs", IDS[0])
    shared = cache.shared_path(IDS[0])

    def used(how: str) -> float:
        os.utime(shared, (1e9, 1e9))
        if how == "copied":
            assert cache.fetch(IDS[0]) is not None
        elif how == "held":
            assert cache.path(IDS[0]).exists()
            assert cache.fetch(IDS[0]) is not None
        elif how == "handed over":
            assert cache.prune(set()) == 1
        elif how == "looked at":
            assert cache.has(IDS[0])
            assert cache.peek(IDS[0]) is not None
        return shared.stat().st_mtime

    assert used("looked at") == 1e9
    for how in ("copied", "held", "handed over"):
        assert abs(used(how) - time.time()) < HOUR
    recent = time.time() - 60
    os.utime(shared, (recent, recent))
    assert mark_used(shared)
    assert shared.stat().st_mtime == pytest.approx(recent, abs=1e-3)
    assert not mark_used(tmp_path / "missing")


def test_a_store_that_is_read_only_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    os.utime(a_run(tmp_path / "store" / "runs", IDS[0]), (1e9, 1e9))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.fetch(IDS[0]) is not None
    assert caplog.messages == []


@pytest.mark.parametrize("when", ["record", "weights", "copy"])
def test_an_entry_that_vanishes_while_it_is_read_is_not_there(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    shared = a_run(tmp_path / "store" / "runs", IDS[0])
    (entry,) = read_contents(tmp_path / "store").entries
    places = {
        "record": "landscape_catalog.store.artifacts.read_sealed",
        "weights": "landscape_catalog.store.artifacts.file_sha256",
        "copy": "landscape_catalog.store.cache.copy_whole",
    }
    module, _, name = places[when].rpartition(".")
    original = getattr(sys.modules[module], name)

    def pruned_first(path: Path, *rest: object) -> object:
        assert remove_entry(entry) is Removal.DONE
        return original(path, *rest)

    monkeypatch.setattr(places[when], pruned_first)
    with caplog.at_level(logging.INFO):
        assert cache.fetch(IDS[0]) is None
    assert caplog.messages == []
    assert not cache.path(IDS[0]).exists()
    assert not shared.exists()


def test_damage_in_the_store_is_still_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    flip(a_run(tmp_path / "store" / "runs", IDS[0]) / "weights.safetensors", 40)
    assert cache.fetch(IDS[0]) is None
    assert "is damaged" in caplog.text
    assert list((tmp_path / "store" / "runs").iterdir()) == []


USER = """\
import logging, sys
from pathlib import Path
from landscape_catalog.store.artifacts import read_run
from landscape_catalog.store.cache import run_cache
from landscape_catalog.store.files import remove
from tests.store.test_files_and_cache import a_run

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
base, who, *ids = map(str, sys.argv[1:])
cache = run_cache(Path(base) / who, Path(base) / "store")
taken = made = 0
while not (Path(base) / "stop").exists():
    for run_id in ids:
        remove(cache.path(run_id))
        if cache.fetch(run_id) is None:
            a_run(cache.local, run_id)
            cache.share(run_id, overwrite=made % 5 == 0)
            made += 1
        else:
            taken += 1
        read_run(cache.path(run_id))
print(taken, made)
"""


def test_pruning_while_others_fetch_and_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every reader finds a whole run or none, and nobody says that anything is damaged."""
    monkeypatch.setattr(pruning, "_SECONDS_KEPT", dict.fromkeys(pruning._SECONDS_KEPT, 0.0))
    ids, store = IDS[:3], tmp_path / "store"
    users = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(tmp_path), who, *ids],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for who in ("one", "two")
    ]  # fmt: skip
    removed, deadline = 0, time.monotonic() + 60
    while removed < 60 and time.monotonic() < deadline:
        time.sleep(0.005)  # in which entries are read and copied
        if not store.exists():
            continue
        contents = read_contents(store)
        assert not [item for item in contents.unknown if "cannot be read" in item.why]
        for entry in contents.of("runs"):
            removed += remove_entry(entry) is Removal.DONE
    (tmp_path / "stop").touch()
    for user in users:
        said, _ = user.communicate(timeout=60)
        assert user.returncode == 0, said
        assert "WARNING" not in said, said
        taken, made = map(int, said.split())
        assert taken > 0
        assert made > 0
    assert removed >= 60
    assert {path.name for path in (store / "runs").iterdir()} <= set(ids)
