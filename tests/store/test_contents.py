"""What lies in a store: what is recognised, what is unknown, and how large and old it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from landscape_catalog.errors import StorageError
from landscape_catalog.store.contents import Contents, current, read_contents
from landscape_catalog.store.files import write_file, write_folder

RUN = "a" * 16
OTHER = "0123456789abcdef"
TEMPORARY = f".tmp-{'f' * 32}"
# A file of a store, and the kind and id of the entry that it makes; None: it is unknown.
PLACES: dict[str, tuple[str, str] | None] = {
    f"runs/{RUN}/record.json": ("runs", RUN),
    f"runs/{OTHER}/weights.safetensors": ("runs", OTHER),
    f"runs/{TEMPORARY}/record.json": ("temporary", TEMPORARY),
    f"measurements/{RUN}.json": ("measurements", RUN),
    f"measurements/{TEMPORARY}": ("temporary", TEMPORARY),
    f"data/{RUN}.json": ("data records", RUN),
    f"partial/{RUN}.checkpoint": ("checkpoints", RUN),
    f"partial/{RUN}.lock": ("locks", RUN),
    f"partial/{RUN}.lock.holder": ("locks", RUN),
    f"partial/{TEMPORARY}": ("temporary", TEMPORARY),
    "notes.txt": None,
    "other/thing.json": None,
    f"{RUN}/record.json": None,
    f"runs/{RUN}/record.json/inner": None,
    f"runs/{RUN}/notes.txt": None,
    f"runs/{RUN}/.DS_Store": None,
    f"runs/{RUN}": None,
    f"runs/{RUN.upper()}/record.json": None,
    f"runs/{RUN}a/record.json": None,
    f"runs/{RUN[:-1]}g/record.json": None,
    f"runs/{RUN}.bak/record.json": None,
    f"runs/{RUN}.json": None,
    "runs/.tmp-mine/record.json": None,
    f"measurements/{RUN}.json/inner": None,
    f"measurements/{RUN}.json.bak": None,
    f"measurements/{RUN}": None,
    f"data/{RUN}.checkpoint": None,
    f"partial/{RUN}.json": None,
    f"partial/{RUN}.lock/inner": None,
    f"partial/x{RUN}.lock": None,
}


def names(contents: Contents) -> list[tuple[str, str]]:
    return [(entry.kind, entry.key) for entry in contents.entries]


@pytest.mark.parametrize("name", PLACES)
def test_what_is_recognised(name: str, tmp_path: Path) -> None:
    write_file(tmp_path / name, b"12345")
    found = read_contents(tmp_path)
    expected = PLACES[name]
    assert names(found) == ([] if expected is None else [expected])
    assert [item.size for item in (*found.entries, *found.unknown)] == [5]
    assert len(found.unknown) == (expected is None)


@pytest.mark.parametrize("name", [name for name in PLACES if PLACES[name] is not None])
def test_nothing_behind_a_link_belongs_to_the_store(name: str, tmp_path: Path) -> None:
    """A link in the place of an entry, of the file of a run, or of a whole folder."""
    outside, store = tmp_path / "outside", tmp_path / "store"
    parts = Path(name).parts
    for depth in range(1, len(parts) + 1):
        link, target = store.joinpath(*parts[:depth]), outside.joinpath(*parts[:depth])
        write_file(outside / name, b"x" * 1000)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
        found = read_contents(store)
        if TEMPORARY in parts[: depth - 1]:  # what lies in it is never looked at
            assert names(found) == [("temporary", TEMPORARY)]
        else:
            assert names(found) == []
            assert [item.path for item in found.unknown] == [
                store.joinpath(*parts[: min(depth, 2)])
            ]
        assert sum(item.size for item in (*found.entries, *found.unknown)) < 1000
        link.unlink()


def test_a_lock_and_its_holder_are_one_entry(tmp_path: Path) -> None:
    for ending, age in ((".lock", 300), (".lock.holder", 100)):
        write_file(tmp_path / "partial" / f"{RUN}{ending}", b"1234")
        os.utime(tmp_path / "partial" / f"{RUN}{ending}", (1e9 - age,) * 2)
    (entry,) = read_contents(tmp_path).entries
    assert (entry.kind, entry.key, entry.size, entry.used) == ("locks", RUN, 8, 1e9 - 100)
    assert entry.path.name == f"{RUN}.lock"


def test_sizes_and_last_uses(tmp_path: Path) -> None:
    write_folder(tmp_path / "runs" / RUN, {"record.json": b"123", "weights.safetensors": b"1234"})
    os.utime(tmp_path / "runs" / RUN, (5e8, 1e9))  # times of access are not looked at
    write_folder(tmp_path / "runs" / TEMPORARY / "b", {"c": b"12"})
    os.utime(tmp_path / "runs" / TEMPORARY / "b" / "c", (2e9, 2e9))
    found = read_contents(tmp_path)
    assert [(entry.size, entry.used) for entry in found.entries] == [(7, 1e9), (2, 2e9)]
    assert found.size == 9
    assert [entry.key for entry in found.of("runs")] == [RUN]


def test_an_entry_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "measurements" / f"{RUN}.json"
    write_file(path, b"1")
    (entry,) = read_contents(tmp_path).entries
    assert current(entry) == entry
    os.utime(path, (1e9, 1e9))
    assert current(entry) not in (entry, None)
    path.unlink()
    assert current(entry) is None
    path.symlink_to("/etc/hosts")
    assert current(entry) is None


def test_a_store_that_is_missing_or_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_contents(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file cannot be read: Not a directory"):
        read_contents(tmp_path / "file")


def test_what_cannot_be_read_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "runs" / RUN / "record.json", b"1")
    write_file(tmp_path / "measurements" / f"{RUN}.json", b"1")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name in (RUN, "measurements"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = read_contents(tmp_path)
    assert found.entries == ()
    assert {(item.path.name, item.why) for item in found.unknown} == {
        (RUN, "cannot be read: Permission denied"),
        ("measurements", "cannot be read: Permission denied"),
    }
