"""What lies in the place of a record, a folder or a note: named and rebuilt, never read forever."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from landscape_catalog.errors import DamagedFileError, SpecError, StorageError, UnreadableFileError
from landscape_catalog.experiment.reading import read_experiment
from landscape_catalog.regular import read_regular, require_regular
from landscape_catalog.runner.timings import Attempt, Timing, Work, log_timing, read_timings
from landscape_catalog.schema.records import Record
from landscape_catalog.store import cache as cache_module
from landscape_catalog.store.artifacts import (
    read_data_record,
    read_measurement,
    read_run,
    read_sealed,
)
from landscape_catalog.store.cache import measurement_cache, run_cache
from landscape_catalog.store.files import (
    copy_whole,
    ensure_folder,
    file_sha256,
    write_file,
    write_folder,
)
from landscape_catalog.store.lock import holder_file, project_lock
from landscape_catalog.store.measurements import MeasurementRecord
from landscape_catalog.store.notes import read_note
from landscape_catalog.store.recipes_file import read_recipes
from landscape_catalog.store.records import DataRecord, RunRecord
from tests.store.test_files_and_cache import a_run


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "note.txt").write_text("mine")


IRREGULAR: dict[str, Callable[[Path], object]] = {
    "folder": a_folder,
    "pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "kernel": lambda path: path.symlink_to("/proc/kmsg"),
    "loop": lambda path: path.symlink_to(path),
    "link to a folder": lambda path: path.symlink_to(path.parent),
}
anything = pytest.mark.parametrize("make", IRREGULAR.values(), ids=IRREGULAR)


@anything
def test_nothing_irregular_is_read(make: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "it"
    make(path)
    for read in (read_regular, require_regular, file_sha256):
        with pytest.raises(OSError, match=r"not a regular file|symbolic links"):
            read(path)
    for read_record in (read_measurement, read_data_record, read_run):
        with pytest.raises((DamagedFileError, FileNotFoundError)):
            read_record(path)
    assert read_note(path, dict[str, int]) is None


@anything
def test_a_missing_experiment_and_what_is_none(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / "params.yaml")
    with pytest.raises(SpecError, match=r"\(file\): cannot be read: .*(file|links)"):
        read_experiment(tmp_path / "params.yaml")
    make(tmp_path / "recipes.json")
    with pytest.raises(Exception, match=r"recipes.json cannot be read"):
        read_recipes(tmp_path / "recipes.json")


@anything
@pytest.mark.parametrize("place", ["record.json", "weights.safetensors", "."])
@pytest.mark.parametrize("where", ["data", "store/runs"])
def test_a_run_in_whose_place_lies_something_else_is_named_and_rebuilt(
    where: str,
    place: str,
    make: Callable[[Path], object],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    cache.share(folder.name)
    broken = (tmp_path / where / folder.name / place).resolve()
    remaining = [] if place == "." else [item for item in broken.parent.iterdir() if item != broken]
    if place == ".":
        for item in broken.iterdir():
            item.unlink()
        broken.rmdir()
    else:
        broken.unlink()
    make(broken)
    assert cache.fetch(folder.name) is not None
    assert cache.fetch(folder.name) is not None  # the second time, both places are whole
    assert read_run(folder).seed == 0
    if where == "data":
        assert "It will be rebuilt" in caplog.text
        assert all(item.exists() for item in remaining)


@anything
def test_a_measurement_in_whose_place_lies_something_else_is_to_be_made(
    make: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = measurement_cache(tmp_path / "data", tmp_path / "store")
    (tmp_path / "data").mkdir()
    make(cache.path("a" * 16))
    assert cache.peek("a" * 16) is None
    assert cache.fetch("a" * 16) is None
    assert not os.path.lexists(cache.path("a" * 16))
    assert "a.json" in caplog.text


@pytest.mark.parametrize("kind", ["runs", "measurements"])
def test_folders_of_notebooks_are_pruned_with_a_word(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make = run_cache if kind == "runs" else measurement_cache
    a_folder_of = tmp_path / "data" / ".ipynb_checkpoints"
    a_folder_of.mkdir(parents=True)
    (a_folder_of / "Untitled.ipynb").write_text("{}")
    assert make(tmp_path / "data", tmp_path / "store").prune(set()) == 1
    assert "ipynb_checkpoints is none of the project's results and is removed" in caplog.text


def test_a_folder_within_a_run_is_left_out_of_copies(tmp_path: Path) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    a_folder(folder / ".ipynb_checkpoints")
    assert cache.fetch(folder.name) is not None
    assert read_run(cache.shared_path(folder.name)).seed == 0
    copy_whole(folder, tmp_path / "copy")
    assert sorted(item.name for item in (tmp_path / "copy").iterdir()) == [
        "record.json",
        "weights.safetensors",
    ]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTDIR])
def test_a_store_that_cannot_be_read_is_one_warning(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, stat = tmp_path / "store", Path.stat
    for name in "abc":
        a_run(store / "runs", name * 16)

    def refuse(self: Path, **options: bool) -> os.stat_result:
        if self.is_relative_to(store):
            raise OSError(code, os.strerror(code), str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(cache_module, "_warned", set())
    cache = run_cache(tmp_path / "data", store)
    caplog.set_level(logging.WARNING)
    for name in "abc":
        assert cache.fetch(name * 16) is None
        assert cache.peek(name * 16) is None
        assert not cache.has(name * 16)
    warnings = [record for record in caplog.records if "shared store" in record.message]
    assert len(warnings) == 1
    assert os.strerror(code) in warnings[0].message


def test_too_many_open_files_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_run(tmp_path / "data")

    def refuse(self: Path, *_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        run_cache(tmp_path / "data", tmp_path / "store").fetch(folder.name)
    assert folder.is_dir()


def test_a_record_that_may_not_be_read_is_said_to_be_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_run(tmp_path)

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        UnreadableFileError, match=r"record\.json cannot be read: Permission denied"
    ):
        read_run(folder)


@anything
def test_what_lies_in_the_place_of_an_output_is_moved_aside(
    make: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "metrics.json"
    make(path)
    write_file(path, b"{}")
    assert path.read_bytes() == b"{}"
    aside = [item for item in tmp_path.iterdir() if item != path]
    if not aside:
        return  # a link to itself is simply replaced
    assert aside[0].suffix == ".bak"
    assert aside[0].name in caplog.text


def test_a_file_in_the_place_of_a_folder_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "prepared").write_text("mine")
    ensure_folder(tmp_path / "prepared")
    write_folder(tmp_path / "prepared" / "a", {"x": b"1"})
    aside = next(tmp_path.glob("prepared.bak"))
    assert aside.read_text() == "mine"
    (tmp_path / "runs").symlink_to(tmp_path / "prepared")  # to another disk, say
    ensure_folder(tmp_path / "runs")
    assert (tmp_path / "runs").is_symlink()


@anything
def test_notes_are_rebuilt(make: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    make(path)
    assert read_timings(path) == []
    if make is IRREGULAR["loop"]:
        return
    log_timing(path, Timing(Work("train", "resnet18", 1, 2, 3, 4), Attempt(1.0)))
    assert len(read_timings(path)) == 1


@pytest.mark.parametrize("make", [a_folder, os.mkfifo], ids=["folder", "pipe"])
def test_a_lock_whose_holder_cannot_be_noted(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    make(holder_file(lock))
    with project_lock(lock):
        assert holder_file(lock).read_text() == str(os.getpid())
    (tmp_path / "other").mkdir()
    with pytest.raises(StorageError, match="there is a folder where a file"):
        with project_lock(tmp_path / "other"):
            pass


@pytest.mark.parametrize(
    "content", [b'{"a": ' * 5000, b"[" * 5000, b'{"a": ' * 900 + b"1" + b"}" * 900]
)
@pytest.mark.parametrize("kind", [DataRecord, RunRecord, MeasurementRecord])
def test_deeply_nested_records_are_damaged(
    content: bytes, kind: type[Record], tmp_path: Path
) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(DamagedFileError, match="is damaged: not a readable record"):
        read_sealed(tmp_path / "record.json", kind)


def test_a_lock_that_is_a_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(StorageError, match="lock: there is a symbolic link where a file is needed"),
        project_lock(tmp_path / "lock"),
    ):
        pass
