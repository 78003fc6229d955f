"""Training and measuring where workers have GPUs: made-up ones, on which jobs use the CPU."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape_catalog.errors import JobsFailedError
from landscape_catalog.metrics.loss import compute as loss
from landscape_catalog.pipeline.measure import stage as measure
from landscape_catalog.pipeline.measure.memory import measuring_memory
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.pipeline.train import stage as train
from landscape_catalog.pipeline.train import worker
from landscape_catalog.pipeline.train.memory import training_memory
from landscape_catalog.pipeline.train.run_training import RunTraining
from landscape_catalog.runner import memory
from landscape_catalog.runner.memory import GPU_WORKER_BYTES, RECORDED_BYTES
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.training import Member, TrainedRun, train_replayed
from tests.experiment.grids import CUSTOM_CODE, experiment_of, grid_of
from tests.stages import run_stages, write_project

PARAMS = """\
dataset: {name: digits, test_samples: 100}
model: {name: resnet18}
load: {width: [1, 2], samples: 64}
temperature: {batch_size: 16, lr: 0.05}
train: {epochs: 1, seeds: 4, stopping: epochs}
execution: {device: cpu, engine: serial}
classify: {}
report: {}
variants: {}
measure: {hessian: {samples: 32, max_iterations: 2}, connectivity: {epochs: 1, batch_size: 64}, similarity: {samples: 20}}
"""
SNAPSHOTS = ("best_train_loss",)


class Gpus(SerialExecutor):
    """Says that its worker has a share of a GPU, and computes on the CPU."""

    def __init__(self, share: int | None) -> None:
        super().__init__()
        self.memory, self.expected = share, []
        self.payloads: list[Any] = []

    def expect(self, job_bytes: int) -> None:
        self.expected.append(job_bytes)
        self.share = self.memory

    def submit(self, function: Any, payload: Any) -> Future[Any]:
        assert payload.device == "cuda"
        self.payloads.append(payload)
        return super().submit(function, dataclasses.replace(payload, device="cpu"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_project(tmp_path / "project", PARAMS)
    run_stages(folder, tmp_path / "store", "prepare")
    for stage in (train, measure):
        monkeypatch.setattr(stage, "chosen_device", lambda execution: "cuda")
    return folder


@pytest.mark.parametrize("together", [1, 2, 4])
def test_groups_fit_the_share_of_a_gpu(
    together: int, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = open_workspace(project).grid.cells[-1].runs
    needs = [
        training_memory(runs[:size], SNAPSHOTS, worker=GPU_WORKER_BYTES, recorded=RECORDED_BYTES)
        for size in range(1, 5)
    ]
    gpus = Gpus(needs[together - 1])
    monkeypatch.setattr(train, "chosen_executor", lambda execution: gpus)
    run_stages(project, tmp_path / "store", "train")
    assert gpus.expected == [needs[0]]
    sizes = [len(payload.runs) for payload in gpus.payloads if payload.runs[0] in runs]
    assert max(sizes) == together


def test_measuring_says_how_much_memory_it_needs(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = Gpus(10**12)
    for stage in (train, measure):
        monkeypatch.setattr(stage, "chosen_executor", lambda execution: gpus)
    run_stages(project, tmp_path / "store", "train")
    gpus.expected.clear()
    run_stages(project, tmp_path / "store", "measure")
    workspace = open_workspace(project)
    largest = measuring_memory(workspace.grid.cells[-1], workspace.experiment.measure)
    assert largest > measuring_memory(workspace.grid.cells[0], workspace.experiment.measure)
    assert set(gpus.expected) == {largest}


@pytest.mark.parametrize("together", [1, 3, 6, None])
def test_curves_that_are_fitted_together_fit_the_share_of_a_gpu(
    together: int | None, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a recorded step of its own; without a known share, that of a small GPU is assumed."""
    gpus = Gpus(10**12)
    for stage in (train, measure):
        monkeypatch.setattr(stage, "chosen_executor", lambda execution: gpus)
    every = lambda workspace, records: [list(cell.runs) for cell in workspace.grid.cells]  # noqa: E731
    monkeypatch.setattr(measure, "converged_runs", every)
    params = PARAMS.replace("connectivity: {", "connectivity: {pairs: all, ")
    (project / "params.yaml").write_text(params)
    run_stages(project, tmp_path / "store", "train")
    workspace = open_workspace(project)
    cell, probes = workspace.grid.cells[-1], workspace.experiment.measure
    alone = measuring_memory(cell, probes)  # of which a curve is the largest part
    if together is None:
        monkeypatch.setattr(memory, "UNKNOWN_SHARE_BYTES", alone + 2 * RECORDED_BYTES)
        gpus.memory, together = None, 2
    else:
        gpus.memory = alone + (together - 1) * (alone - GPU_WORKER_BYTES)
    gpus.payloads.clear()
    run_stages(project, tmp_path / "store", "measure")
    jobs = [payload.specs for payload in gpus.payloads]
    sizes = [len(specs) for specs in jobs if specs[0].metric == "connectivity"]
    assert sum(sizes) == 2 * 6
    assert max(sizes) == together


@pytest.mark.parametrize("fits", [1, 0])
def test_the_measurements_of_a_job_without_memory_are_made_one_by_one(
    fits: int, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measurement that does not fit by itself fails, and says what to reduce."""
    gpus = Gpus(10**12)
    for stage in (train, measure):
        monkeypatch.setattr(stage, "chosen_executor", lambda execution: gpus)
    run_stages(project, tmp_path / "store", "train")
    tried: list[int] = []

    def compute(context: Any) -> Any:
        tried.append(len(context.group))
        if len(context.group) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return measured(context)

    measured = loss.compute
    monkeypatch.setattr(loss, "compute", compute)
    said: list[str] = []
    if fits:
        run_stages(project, tmp_path / "store", "measure", said=said)
    else:
        with pytest.raises(JobsFailedError) as failed:
            run_stages(project, tmp_path / "store", "measure", said=said)
        assert "out of memory: reduce `load.width` or `execution.workers` (loss of" in str(
            failed.value
        )
        assert tried.count(1) == 8 * 2
    assert "4 measurements go on one by one" in "".join(said)
    assert set(tried) == {4, 1}


GROWS = [
    {"load.width": 4},
    {"measure.hessian.samples": 1400},
    {"measure.hessian.max_iterations": 400},
    {"measure.hessian.samples": 1400, "measure.hessian.batch_size": 1300},
    {"measure.connectivity.batch_size": 1400, "measure.hessian.samples": 3},
]


@pytest.mark.parametrize("changes", GROWS, ids=str)
def test_memory_of_measuring_grows_with(changes: dict[str, Any]) -> None:
    def needed(more: dict[str, Any]) -> int:
        grid, measured = grid_of(more), experiment_of(more).measure
        return measuring_memory(grid.cells[0], measured)

    assert needed({"load.width": 2, **changes}) > needed({"load.width": 2}) > GPU_WORKER_BYTES


def test_custom_networks_count_as_nothing() -> None:
    grid = grid_of(CUSTOM_CODE)
    assert measuring_memory(grid.cells[0], experiment_of({}).measure) == GPU_WORKER_BYTES


def test_groups_that_run_out_of_memory_while_they_are_recorded(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are split, and every run has the same bits as in the whole group."""
    found = []
    for most in (4, 2, 1):
        sizes: list[int] = []
        replay = partial(replayed, sizes=sizes, most=most)
        monkeypatch.setattr(worker, "train_replayed", replay)
        monkeypatch.setattr(RunTraining, "can_be_replayed", lambda self: True)
        monkeypatch.setattr(train, "chosen_executor", lambda execution: Gpus(10**12))
        folder = shutil.copytree(project, tmp_path / f"at most {most}")
        run_stages(folder, tmp_path / f"store {most}", "train")
        assert {size for size in sizes if size <= most} == {most}
        assert max(sizes) == 4
        paths = sorted((folder / "data" / "runs").glob("*/weights.safetensors"))
        found.append({path.parent.name: path.read_bytes() for path in paths})
    assert len(found[0]) == 8
    assert found[1] == found[2] == found[0]


def replayed(members: Sequence[Member], *, sizes: list[int], most: int) -> list[TrainedRun]:
    """Train with a stand-in for graphs, which finds memory for at most so many members."""
    sizes.append(len(members))

    def recorder(work: Callable[[], object]) -> Callable[[], object]:
        if len(members) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return work

    return train_replayed(members, recorder=recorder)
