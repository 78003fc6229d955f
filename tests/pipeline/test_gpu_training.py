"""How a worker trains on CUDA: recorded or step by step, but never in a stack; on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.pipeline.train import run_training, worker
from landscape_catalog.pipeline.train.run_training import RunTraining
from landscape_catalog.store.artifacts import read_run
from landscape_catalog.store.records import RunRecord
from landscape_catalog.training import Member, TrainedRun, train, train_replayed
from tests.stages import run_stages, write_project

PARAMS = """\
dataset: {name: digits, test_samples: 100}
model: {name: resnet18}
load: {width: 1, samples: 64}
temperature: {batch_size: 16, lr: 0.0625}
train: {epochs: 2, seeds: 3, stopping: epochs}
execution: {device: cpu, engine: serial}
classify: {}
report: {}
variants: {}
measure: {hessian: {samples: 64}, connectivity: {batch_size: 64}, similarity: {samples: 64}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "project", PARAMS)
    run_stages(folder, tmp_path / "store", "prepare")
    warn_once.cache_clear()
    return folder


def trained(project: Path, tmp_path: Path) -> list[tuple[RunRecord, bytes]]:
    run_stages(project, tmp_path / "store", "train")
    folders = sorted((project / "data" / "runs").glob("*/weights.safetensors"))
    assert len(folders) == 3
    return [(read_run(path.parent), path.read_bytes()) for path in folders]


def refuse(members: Sequence[Member]) -> list[TrainedRun]:
    raise AssertionError("trained in a stack")


def test_built_in_networks_that_cannot_be_recorded_are_trained_alone(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Bits of a stack on CUDA would depend on its size; a warning says that this is slower."""
    alone: list[int] = []

    def one(*args: object, seed: int, **options: object) -> TrainedRun:
        alone.append(seed)
        return train(*args, seed=seed, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(RunTraining, "on_cuda", property(lambda self: True))
    monkeypatch.setattr(run_training, "why_not_recorded", lambda *_: "it has hooks")
    monkeypatch.setattr(worker, "train_group", refuse)
    monkeypatch.setattr(run_training, "train", one)
    caplog.set_level(logging.WARNING)
    found = trained(project, tmp_path)
    assert len(set(alone)) == 3
    assert {record.computed for record, _ in found} == {"alone"}
    said = [message for message in caplog.messages if "one by one and step by step" in message]
    assert len(said) == 1
    assert "resnet18" in said[0]


def test_recorded_runs_count_as_alone(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has steps of its own; without a GPU the check and the steps are the same."""

    def replayed(members: Sequence[Member]) -> list[TrainedRun]:
        sizes.append(len(members))
        return train_replayed(members, recorder=recorder)

    def recorder(work: Callable[[], object]) -> Callable[[], object]:
        return work

    sizes: list[int] = []
    monkeypatch.setattr(RunTraining, "on_cuda", property(lambda self: True))
    monkeypatch.setattr(worker, "train_group", refuse)
    monkeypatch.setattr(worker, "train_replayed", replayed)
    found = trained(project, tmp_path)
    assert sum(sizes) == 3
    assert {record.computed for record, _ in found} == {"alone"}


def test_on_a_cpu_they_are_trained_in_a_stack(project: Path, tmp_path: Path) -> None:
    found = trained(project, tmp_path)
    assert {record.computed for record, _ in found} == {"grouped"}
