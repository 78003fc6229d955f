"""The stage `prepare`: what lies in the place of prepared data is named and rebuilt."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from landscape_catalog.commands.plan import describe_plan
from landscape_catalog.errors import UserError
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.shared.workspace import open_workspace

PARAMS = """\
dataset: {name: digits, test_samples: 50}
model: {name: resnet18}
load: {width: 2, samples: 50}
temperature: {batch_size: 16}
train: {seeds: 2}
measure: {hessian: {samples: 20}, connectivity: {batch_size: 16}}
classify: {}
report: {}
variants: {}
"""


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the prepared data of a small project."""
    monkeypatch.setenv("LANDSCAPE_STORE", str(tmp_path / "store"))
    (tmp_path / "params.yaml").write_text(PARAMS)
    run_prepare(tmp_path)
    return next((tmp_path / "data" / "prepared").iterdir())


def replaced(path: Path, make: Callable[[Path], object]) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "note.txt").write_text("mine")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a file for a folder": lambda data: replaced(data, a_file),
    "a pipe for a folder": lambda data: replaced(data, os.mkfifo),
    "a link to nothing": lambda data: replaced(data, lambda path: path.symlink_to("nowhere")),
    "a link to itself": lambda data: replaced(data, lambda path: path.symlink_to(path)),
    "a folder for the record": lambda data: replaced(data / "record.json", a_folder),
    "a pipe for the arrays": lambda data: replaced(data / "arrays.safetensors", os.mkfifo),
    "a device for the record": lambda data: replaced(
        data / "record.json", lambda path: path.symlink_to("/dev/zero")
    ),
    "a file for all of them": lambda data: replaced(data.parent, a_file),
    "checkpoints of a notebook": lambda data: a_folder(data.parent / ".ipynb_checkpoints"),
    "store: a folder": lambda data: replaced(
        data.parents[2] / "store" / "data" / f"{data.name}.json", a_folder
    ),
    "store: a pipe": lambda data: replaced(
        data.parents[2] / "store" / "data" / f"{data.name}.json", os.mkfifo
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_lies_in_the_place_of_prepared_data_is_rebuilt(
    name: str, prepared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = prepared.parents[2]
    arrays = (prepared / "arrays.safetensors").read_bytes()
    DAMAGE[name](prepared)
    if name.startswith("store"):
        shutil.rmtree(prepared)
    describe_plan(root)
    run_prepare(root)
    assert [item.name for item in prepared.parent.iterdir()] == [prepared.name]
    assert (prepared / "arrays.safetensors").read_bytes() == arrays
    if not name.startswith("store") and name != "checkpoints of a notebook":
        assert str(prepared) in caplog.text or str(prepared.parent) in caplog.text


def test_a_store_that_is_a_file_is_a_warning(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = prepared.parents[2]
    (root / "a_file").write_text("")
    monkeypatch.setenv("LANDSCAPE_STORE", str(root / "a_file"))
    shutil.rmtree(prepared)
    run_prepare(root)
    assert prepared.is_dir()
    assert "not recorded in the store" in caplog.text
    assert len(open_workspace(root).grid.runs) == 2
    describe_plan(root)


@pytest.mark.parametrize(
    "path", ["pipe.npz", "/dev/zero", "/proc/kmsg", "folder.npz", "params.yaml"]
)
def test_a_path_that_is_no_file_of_data_is_named_at_once(path: str, prepared: Path) -> None:
    root = prepared.parents[2]
    os.mkfifo(root / "pipe.npz")
    (root / "folder.npz").mkdir()
    text = PARAMS.replace("digits", f"arrays, path: {path}")
    (root / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"dataset\.path: .*{path}"):
        describe_plan(root)


def test_a_pipe_for_the_experiment(prepared: Path) -> None:
    root = prepared.parents[2]
    replaced(root / "params.yaml", os.mkfifo)
    with pytest.raises(UserError, match="cannot be read: it is a named pipe, not a regular file"):
        run_prepare(root)
