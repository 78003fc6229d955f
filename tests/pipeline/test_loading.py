"""Prepared data are loaded as they are stored, and workers share their memory."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape_catalog.paths import ARRAYS_FILE
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.artifacts import read_prepared
from tests.conftest import TINY_PARAMS
from tests.stages import run_stages, write_project


def prepared_digits(folder: Path) -> Path:
    """The folder of a few prepared digits."""
    project = write_project(folder / "project", TINY_PARAMS)
    run_stages(project, folder / "store", "prepare")
    return next((project / "data" / "prepared").iterdir())


def loaded(folder: Path) -> LoadedData:
    record, _ = read_prepared(folder)
    return load_data(folder, record, "cpu", WorkerCache())


def test_tensors_are_the_stored_arrays(tmp_path: Path) -> None:
    folder = prepared_digits(tmp_path)
    _, stored = read_prepared(folder)
    data = loaded(folder)
    assert data.train.inputs.dtype == torch.uint8
    np.testing.assert_array_equal(data.train.inputs.numpy(), stored.arrays["train_images"])
    np.testing.assert_array_equal(data.test.targets.numpy(), stored.arrays["test_labels"])
    assert data.moments == tuple(tuple(stored.arrays[name].tolist()) for name in ("mean", "std"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_share_the_memory_of_the_arrays(tmp_path: Path) -> None:
    data = loaded(prepared_digits(tmp_path))
    address = data.train.inputs.data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if start <= address < end:
            assert line.endswith(ARRAYS_FILE)
            return
    raise AssertionError("the tensor lies in no mapping")
