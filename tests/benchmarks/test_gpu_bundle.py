"""What a bare GPU machine is given: enough to run on, and images without loss."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import gpu_bundle
from benchmarks.on_gpu import image_file
from tests.conftest import ROOT

BARE = Path(__file__).parent / "bare"
OWN = ("landscape_catalog", "benchmarks", "sitecustomize", "tests")


def with_requirements(names: tuple[str, ...]) -> set[str]:
    """Normal names of packages and of all that they require, without extras."""
    todo, found = [gpu_bundle._normal(name) for name in names], set[str]()
    installed = {gpu_bundle._normal(d.metadata["Name"]) for d in distributions()}
    while todo:
        name = todo.pop()
        if name in found or name not in installed:
            continue
        found.add(name)
        needed = [line for line in requires(name) or [] if "extra ==" not in line]
        todo += [gpu_bundle._normal(re.split(r"[^\w.-]", line)[0]) for line in needed]
    return found


def bare_environment() -> dict[str, str]:
    """With what the machine has and what the bundle brings, and nothing else."""
    there = with_requirements(gpu_bundle.ASSUMED)
    there |= {gpu_bundle._normal(name) for name in gpu_bundle.MISSING}
    modules = {
        module
        for module, owners in packages_distributions().items()
        if there & {gpu_bundle._normal(owner) for owner in owners}
    }
    path = os.pathsep.join([str(BARE), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "LANDSCAPE_ONLY": ",".join([*modules, *OWN])}


def run_bare(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=bare_environment(), cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", ["duckdb", "polars", "altair", "dvc", "sklearn", "pytest"])
def test_the_bare_environment_lacks_what_is_not_carried(name: str) -> None:
    found = run_bare("-c", f"import {name}")
    assert found.returncode == 1
    assert f"No module named '{name}'" in found.stderr


@pytest.mark.slow
def test_every_part_can_be_imported_there() -> None:
    names = [path.stem for path in (ROOT / "benchmarks" / "on_gpu").glob("*.py")]
    names.remove("__init__")
    imports = "; ".join(f"import benchmarks.on_gpu.{name}" for name in sorted(names))
    found = run_bare("-W", "error::ImportWarning", "-c", f"import benchmarks.gpu; {imports}")
    assert found.returncode == 0, found.stderr


@pytest.mark.slow
def test_a_part_runs_there(tmp_path: Path) -> None:
    """In its process, with processes that it starts."""
    found = run_bare(
        "benchmarks/gpu.py", "--device", "cpu", "--toy", "--parts", "two_processes",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + (tmp_path / "gpu.log").read_text()


@pytest.mark.slow
def test_the_grid_runs_there_and_is_finished_elsewhere(tmp_path: Path) -> None:
    common = ("--device", "cpu", "--toy", "--widths", "1")
    there, packed, here = tmp_path / "there", tmp_path / "packed", tmp_path / "here"
    script = "benchmarks/gpu_grid.py"
    found = run_bare(script, str(there), *common, "--out", str(packed))
    assert found.returncode == 0, found.stdout + found.stderr
    assert len(list(packed.iterdir())) <= 6
    words = [sys.executable, script, str(here), *common, "--packed", str(packed)]
    finished = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "1 prepared" in finished.stderr + finished.stdout
    assert "damaged" not in finished.stderr + finished.stdout
    assert (here / "reports" / "phases.html").stat().st_size > 10**5


def test_every_package_has_one_version() -> None:
    pins = gpu_bundle.pinned()
    assert {gpu_bundle._normal(name) for name in gpu_bundle.MISSING} <= set(pins)
    assert pins["ruamel-yaml"] == pins[gpu_bundle._normal("ruamel.yaml")]


@settings(deadline=None)
@given(
    count=st.integers(1, 30), side=st.sampled_from([1, 2, 8]), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_images_come_back_as_they_were(count: int, side: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    images = draw.integers(256, size=(count, 3, side, side), dtype=np.uint8)
    assert np.array_equal(image_file.unpacked(image_file.packed(images), count, side), images)


def test_a_file_and_a_folder_of_batches_are_read_alike(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    folder = tmp_path / "batches"
    folder.mkdir()
    batches = {}
    for name in (*image_file.TRAINING, image_file.TEST):
        images = draw.integers(256, size=(10, 3, 4, 4), dtype=np.uint8)
        labels = draw.integers(10, size=10).astype(np.uint8)
        batches[name] = images, labels
        np.savez(folder / name, images=images, labels=labels)
    train, test = image_file.read(folder, trained=17, tested=4)
    both = [np.concatenate(side) for side in zip(*(batches[n] for n in image_file.TRAINING))]
    assert np.array_equal(train[0], both[0][:17]) and np.array_equal(train[1], both[1][:17])
    assert np.array_equal(test[0], batches[image_file.TEST][0][:4])
    file = tmp_path / "images.npz"
    image_file.write(file, train, test)
    for given_count in (17, 5):
        again = image_file.read(file, trained=given_count, tested=4)
        for found, expected in zip(again[0], train):
            assert np.array_equal(found, expected[:given_count]) and found.dtype == expected.dtype
        assert np.array_equal(again[1][0], test[0])
    for source in (file, folder):
        with pytest.raises(ValueError, match="training and"):
            image_file.read(source, trained=21, tested=4)


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"12")
    paths = [tmp_path / "inner", tmp_path / "b", tmp_path / "none"]
    assert gpu_bundle.size(paths) == 5
