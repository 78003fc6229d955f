"""The measurements of one job: each is written, whether or not the others succeed."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape_catalog.errors import MeasurementError, OutOfMemoryError, StorageError
from landscape_catalog.metrics.distance import compute as distance
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.pipeline.measure import worker
from landscape_catalog.pipeline.measure.context import MeasurementContext
from landscape_catalog.pipeline.measure.worker import advice_for, measure_and_keep
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec, measurements_of
from landscape_catalog.runner.device_failures import is_device_failure
from landscape_catalog.runner.worker_cache import WorkerCache
from tests.experiment.grids import experiment_of, grid_of

CHANGES = {"train.seeds": 3, "measure.connectivity.pairs": "all"}


@dataclass
class Measurements:
    """The cache that records are written to."""

    folder: Path
    shared: list[str] = field(default_factory=list)

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def share(self, key: str) -> None:
        self.shared.append(key)


@dataclass
class Payload:
    """A job's payload without data and networks."""

    specs: tuple[MeasurementSpec, ...]
    measurements: Measurements
    device: str = "cpu"


class Job:
    """The context of a job without data and networks."""

    def __init__(self, payload: Payload, cache: WorkerCache) -> None:
        self.payload = payload

    def measurement(self, spec: MeasurementSpec) -> MeasurementContext:
        return MeasurementContext(self, spec)  # type: ignore[arg-type]


@pytest.fixture
def distances(monkeypatch: pytest.MonkeyPatch) -> tuple[MeasurementSpec, ...]:
    """Three distances of a cell, in a job without data and networks."""
    monkeypatch.setattr(worker, "JobContext", Job)
    every = measurements_of(grid_of(CHANGES).cells[0].runs, experiment_of(CHANGES).measure, {})
    return tuple(spec for spec in every if spec.metric == "distance")


def test_a_failed_measurement_is_named_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distances: tuple[MeasurementSpec, ...]
) -> None:
    bad = distances[1]

    def compute(context: MeasurementContext) -> WeightDistance:
        if context.id == bad.measurement_id:
            raise ValueError("too far")
        return WeightDistance(l2=1.0, norm=1.0, other_norm=1.0, n=3)

    monkeypatch.setattr(distance, "compute", compute)
    payload: Any = Payload(distances, Measurements(tmp_path))
    ids = " and ".join(run.run_id for run in bad.runs)
    with pytest.raises(MeasurementError, match=f"^distance of {ids}: ValueError: too far$"):
        measure_and_keep(payload, WorkerCache())
    kept = payload.measurements.shared
    assert kept == [distances[0].measurement_id, distances[2].measurement_id]
    assert all((tmp_path / f"{key}.json").exists() for key in kept)


def test_a_storage_error_aborts_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distances: tuple[MeasurementSpec, ...]
) -> None:
    """The stage then stops all jobs, since every other job would fail as well."""

    def compute(context: MeasurementContext) -> WeightDistance:
        raise StorageError("no space left")

    monkeypatch.setattr(distance, "compute", compute)
    payload: Any = Payload(distances, Measurements(tmp_path))
    with pytest.raises(StorageError, match="no space left"):
        measure_and_keep(payload, WorkerCache())


def test_a_measurement_without_memory_leaves_its_own_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distances: tuple[MeasurementSpec, ...]
) -> None:
    held: list[weakref.ref[Job]] = []

    def compute(context: MeasurementContext) -> WeightDistance:
        if context.id == distances[0].measurement_id:
            large = Job(context, WorkerCache())  # type: ignore[arg-type]
            held.append(weakref.ref(large))
            raise torch.OutOfMemoryError("CUDA out of memory")
        assert held[0]() is None
        return WeightDistance(l2=1.0, norm=1.0, other_norm=1.0, n=3)

    monkeypatch.setattr(distance, "compute", compute)
    payload: Any = Payload(distances, Measurements(tmp_path))
    words = r"^out of memory: distance of \w+ and \w+: OutOfMemoryError: CUDA out of memory$"
    with pytest.raises(OutOfMemoryError, match=words):
        measure_and_keep(payload, WorkerCache())
    assert len(payload.measurements.shared) == len(distances) - 1


@pytest.mark.parametrize(
    ("metric", "reduce"),
    [
        ("hessian", "`measure.hessian.batch_size`, `measure.hessian.samples`, `load.width`"),
        ("connectivity", "`measure.connectivity.batch_size`, `load.width`"),
        ("similarity", "`measure.similarity.samples`, `load.width`"),
        ("distance", "`load.width`"),
    ],
)
def test_a_lone_measurement_without_memory_says_what_to_reduce(metric: str, reduce: str) -> None:
    every = measurements_of(grid_of(CHANGES).cells[0].runs, experiment_of(CHANGES).measure, {})
    spec = next(spec for spec in every if spec.metric == metric)
    assert advice_for(spec) == f"reduce {reduce} or `execution.workers`"


def test_the_advice_is_in_the_error_of_a_lone_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distances: tuple[MeasurementSpec, ...]
) -> None:
    def compute(context: MeasurementContext) -> WeightDistance:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(distance, "compute", compute)
    payload: Any = Payload(distances[:1], Measurements(tmp_path))
    with pytest.raises(OutOfMemoryError, match=r"^out of memory: reduce `load.width` or .* \(dist"):
        measure_and_keep(payload, WorkerCache())


def test_nothing_more_is_measured_where_the_gpu_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distances: tuple[MeasurementSpec, ...]
) -> None:
    """Every later measurement would fail with the same words, although nothing is wrong with it."""
    tried: list[str] = []

    def compute(context: MeasurementContext) -> WeightDistance:
        tried.append(context.id)
        if len(tried) == 1:
            raise ValueError("too far")
        raise RuntimeError("CUDA error: an illegal memory access\nFor debugging consider")

    monkeypatch.setattr(distance, "compute", compute)
    payload: Any = Payload(distances, Measurements(tmp_path))
    words = (
        r"^distance of .*CUDA error: an illegal memory access; distance of .* too far; 1 further"
    )
    with pytest.raises(
        MeasurementError, match=f"{words} measurement of the job not tried$"
    ) as caught:
        measure_and_keep(payload, WorkerCache())
    assert is_device_failure(caught.value)
    assert tried == [spec.measurement_id for spec in distances[:2]]
