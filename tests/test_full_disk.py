"""A disk that fills up in the middle: a clear message, nothing half-written, and no work lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from landscape_catalog.errors import StorageError
from landscape_catalog.store import files
from landscape_catalog.store.artifacts import read_measurement, read_run
from tests.stages import SERIAL, run_stages, write_project

PARAMS = f"""\
dataset: {{name: digits, test_samples: 100}}
model: {{name: resnet18}}
load: {{width: 1, samples: 64}}
temperature: {{batch_size: 32, lr: 0.05}}
train: {{epochs: 1, seeds: 2}}
measure:
  hessian: {{samples: 16, max_iterations: 2}}
  connectivity: {{epochs: 1, batch_size: 64}}
  similarity: {{samples: 20}}
classify: {{}}
report: {{}}
{SERIAL}variants: {{}}
"""
STAGES = ("train", "measure", "aggregate")


def outputs(folder: Path) -> dict[str, bytes]:
    """The bytes of weights, records and tables."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("runs", "measurements", "catalog")
        for path in sorted((folder / "data" / name).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run_stages(write_project(folder / "grid", PARAMS), folder / "store", "prepare", *STAGES)
    return folder / "grid"


# Weights and record of the first run, the record of the second, and some measurement.
@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 3, 6])
def test_a_disk_that_is_full_at_any_write(
    number: int, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = write_project(tmp_path / "grid", PARAMS), tmp_path / "store"
    run_stages(folder, store, "prepare")
    data, written = folder / "data", []
    write = files._write_through

    def write_until_full(path: Path, content: bytes) -> None:
        if path.is_relative_to(data):
            written.append(path)
            if len(written) > number:
                path.write_bytes(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_write_through", write_until_full)
        with pytest.raises(StorageError, match=r"the disk is full\. Finished results are kept"):
            run_stages(folder, store, *STAGES)
    assert len(written) == number + 1
    for run in (data / "runs").iterdir():
        assert read_run(run)
    for measurement in (data / "measurements").glob("*"):
        assert read_measurement(measurement)
    run_stages(folder, store, *STAGES)
    assert outputs(folder) == outputs(undisturbed)
