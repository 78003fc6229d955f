"""A new folder or archive: written whole or not at all, and always to the same bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from landscape_catalog.errors import DamagedFileError, StorageError, UserError
from landscape_catalog.exchange.export.output import Written, new_output
from landscape_catalog.paths import Project

FILES = {
    "a.txt": b"a" * 5000,
    "b/c.parquet": bytes(range(256)),
    "b/é.csv": b"",
    "d/e/f.json": b"{}",
}


def write(path: Path, project: Project, source: Path) -> dict[str, Written]:
    source.write_bytes(b"copied" * 1000)
    with new_output(path, project) as output:
        for name, content in FILES.items():
            output.write(name, content)
        sha256 = hashlib.sha256(b"copied" * 1000).hexdigest()
        output.copy("g.safetensors", source, sha256)
    return output.files


EXPECTED = FILES | {"g.safetensors": b"copied" * 1000}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.mark.parametrize("name", ["new", "new/below", "empty", "new.zip", "some/NEW.ZIP"])
def test_what_is_written_is_there(name: str, tmp_path: Path, project: Project) -> None:
    (tmp_path / "empty").mkdir()
    target = tmp_path / name
    found = write(target, project, tmp_path / "source")
    if target.is_dir():
        assert contents(target) == EXPECTED
    else:
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() is None
            assert {item: archive.read(item) for item in archive.namelist()} == EXPECTED
    assert {key: (value.size, value.sha256) for key, value in found.items()} == {
        key: (len(value), hashlib.sha256(value).hexdigest()) for key, value in EXPECTED.items()
    }
    assert not list(tmp_path.rglob(".tmp-*"))


def test_an_archive_has_the_same_bytes_at_any_time(tmp_path: Path, project: Project) -> None:
    for name, seconds in (("one", 1e9), ("other", 1.5e9)):
        write(tmp_path / f"{name}.zip", project, tmp_path / "source")
        os.utime(tmp_path / "source", (seconds, seconds))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_only_what_is_not_compressed_is_compressed(tmp_path: Path, project: Project) -> None:
    write(tmp_path / "new.zip", project, tmp_path / "source")
    with zipfile.ZipFile(tmp_path / "new.zip") as archive:
        assert archive.getinfo("a.txt").compress_size < 500
        assert archive.getinfo("g.safetensors").compress_size == 6000


TAKEN = {
    "full": "got a folder that is not empty; allowed: a new or empty folder",
    "file": "got a file that exists; allowed: a new or empty folder",
    "link": "got a symbolic link; allowed: a new or empty folder",
    "dangling": "got a symbolic link; allowed: a new or empty folder",
    "file.zip": "got a file that exists; allowed: a new file",
    "empty.zip": "got a folder; allowed: a new file",
    "project/data/runs": "got a place in data, which belongs to the stages",
    "project/data/new": "got a place in data, which belongs to the stages",
    "project/sub/../data/new.zip": "got a place in data, which belongs to the stages",
    "project/reports/plots/x": "got a place in reports/plots, which belongs to the stages",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_there_is_left_alone(name: str, tmp_path: Path, project: Project) -> None:
    for folder in ("full", "target", "empty.zip", "project/sub"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("full/mine", "file", "file.zip"):
        (tmp_path / file).write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as caught:
        write(tmp_path / name, project, tmp_path.parent / "source")
    assert TAKEN[name] in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "full" / "mine").read_text() == "mine"


UNWRITABLE = {
    "/proc/x": "no files can be made there",
    "/proc/x.zip": "no files can be made there",
    "/proc/x/y/z": "no files can be made there",
    "/dev/null/x": "there is a file where a folder is needed",
    "/dev/null/x.zip": "there is a file where a folder is needed",
    "x" * 300: "the name is too long",
    "x" * 300 + ".zip": "the name is too long",
    "y/" * 5000: "the name is too long",
    "circle/x": "there is a symbolic link where a file is needed",
}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder of Linux")
@pytest.mark.parametrize("name", UNWRITABLE, ids=lambda name: name[:12])
def test_places_that_cannot_be_written(name: str, tmp_path: Path, project: Project) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError) as caught, new_output(tmp_path / name, project):
        raise AssertionError("it was not refused before work began")
    assert f"{caught.value}".startswith(f"cannot write {tmp_path / name}: {UNWRITABLE[name]}")
    assert "[Errno" not in f"{caught.value}"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["new", "empty", "new.zip"])
@pytest.mark.parametrize("how", ["damaged", "missing", "interrupted", "full disk"])
def test_a_failure_leaves_nothing_behind(
    how: str, name: str, tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "source").write_bytes(b"other")
    errors = {"interrupted": KeyboardInterrupt, "full disk": StorageError}
    with pytest.raises(errors.get(how, DamagedFileError)):
        with new_output(tmp_path / name, project) as output:
            output.write("a", b"a")
            if how == "interrupted":
                raise KeyboardInterrupt
            if how == "full disk":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            source = tmp_path / ("source" if how == "damaged" else "")
            output.copy("b", source, hashlib.sha256(b"expected").hexdigest())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "source"]
    assert list((tmp_path / "empty").iterdir()) == []
