"""Shared fixtures: tiny networks and data, and a whole project that a real `dvc repro` has run."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from landscape_catalog.tasks import Classification, Samples

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PROJECT_FILES = (
    "params.yaml",
    "dvc.yaml",
    ".dvcignore",
    ".gitignore",
    ".gitattributes",
    "landscape_catalog",
    ".dvc",
    "custom",
    "mine",
)

torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting the modules and thousands of tests again and again.

    They live until the end anyway; each full collection took a quarter of a second and more.
    Hypothesis looks for what refers to generators when it is imported, and finds nothing frozen.
    """
    import hypothesis  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture
def task() -> Classification:
    return Classification((0.5,), (0.25,))


@pytest.fixture
def tiny_data() -> Samples:
    """24 images of 1 x 4 x 4 and labels of 3 classes."""
    generator = np.random.Generator(np.random.Philox(key=5))
    images = generator.integers(0, 256, size=(24, 1, 4, 4), dtype=np.uint8)
    return Samples(torch.from_numpy(images), torch.from_numpy(np.arange(24) % 3))


def make_project(folder: Path, params: str) -> Path:
    """A project of its own with these parameters, under Git."""
    folder.mkdir(parents=True)
    for name in PROJECT_FILES:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    (folder / "params.yaml").write_text(params)
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "start"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def environment(store: Path) -> dict[str, str]:
    """The environment of a user with the virtual environment's commands and a store."""
    variables = {**os.environ, "LANDSCAPE_STORE": str(store), "DVC_NO_ANALYTICS": "1"}
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    variables["GIT_AUTHOR_NAME"] = variables["GIT_COMMITTER_NAME"] = "t"
    variables["GIT_AUTHOR_EMAIL"] = variables["GIT_COMMITTER_EMAIL"] = "t@example.org"
    return variables


def run(
    folder: Path, store: Path, *words: str, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; it must succeed unless it is said to fail."""
    done = subprocess.run(
        words, cwd=folder, env=environment(store), capture_output=True, text=True, timeout=400
    )
    output = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, f"{words} ended with {done.returncode}:\n{output}"
    return done


def edit(folder: Path, **changes: str) -> None:
    """Replace the values of keys in `params.yaml`, by name; `section__key` where a name is there
    more than once."""
    path = folder / "params.yaml"
    lines = path.read_text().splitlines()
    for name, value in changes.items():
        section, _, key = name.rpartition("__")
        at, inside = [], ""
        for i, line in enumerate(lines):
            inside = inside if line.startswith(" ") else line.partition(":")[0]
            if line.strip().startswith(f"{key}:") and section in ("", inside):
                at.append(i)
        assert len(at) == 1, f"{name} stands {len(at)} times"
        indent = lines[at[0]][: len(lines[at[0]]) - len(lines[at[0]].lstrip())]
        lines[at[0]] = f"{indent}{key}: {value}"
    path.write_text("\n".join(lines) + "\n")


TINY_PARAMS = """\
dataset:
  name: digits
  test_samples: 100
  seed: 0
model:
  name: resnet18
load:
  width: [1, 2]
  samples: 256
  label_noise: 0.0
temperature:
  batch_size: [16, 32]
  lr: 0.05
train:
  epochs: 4
  seeds: 2
measure:
  hessian:
    samples: 64
    max_iterations: 4
  connectivity:
    epochs: 2
    batch_size: 64
  similarity:
    samples: 64
classify:
  train_loss: 0.05
  cka:
    threshold: 0.5
report:
  title: A tiny grid
execution:
  device: cpu
  engine: serial
  workers: 2
variants: {}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny project after `dvc repro`, in a folder with a space in its name, and its store.

    The processes of pytest-xdist share one. Tests that change it take a copy: `fresh_copy`.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, store = base / "finished project" / "grid", base / "finished project" / "store"
    done = folder / "done"
    with FileLock(base / "finished.lock"):
        if not done.exists():
            assert not folder.exists(), "another process has tried and failed"
            run(make_project(folder, TINY_PARAMS), store, "dvc", "repro")
            done.touch()
    return folder, store


@pytest.fixture
def fresh_copy(finished: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the finished project and of its store."""
    folder, store = finished
    shutil.copytree(folder, tmp_path / "copy of grid")
    shutil.copytree(store, tmp_path / "store")
    return tmp_path / "copy of grid", tmp_path / "store"
