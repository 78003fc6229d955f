"""The payloads that are sent to workers: everything one job needs, without heavy imports.

Specs and verified records are passed by value. Arrays and weights are too large for that: a worker
reads them from the project's folders and writes its results there. Each payload is `Portable`: it
says which files these are, so that an executor can send them to workers with other file systems.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.paths import ARRAYS_FILE, WEIGHTS_FILE
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.runner.portable import Input, Move, Output
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.partial import checkpoint_path
from landscape_catalog.store.records import DataRecord


@dataclass(frozen=True)
class TrainPayload:
    """What a worker needs to train one run, or several of equal shape side by side.

    Attributes:
        runs: the runs.
        data: the records of the runs' data by data id, verified together with the arrays.
        prepared: the folder of all prepared data.
        cache: the cache of runs.
        device: `cpu`, `mps`, or `cuda`, which is the worker's own GPU.
        custom: the folder of custom code.
        snapshots: the snapshots to keep.
        partial: the folder of checkpoints and locks of runs in training.
        checkpoint_seconds: time between two checkpoints.
    """

    runs: tuple[Run, ...]
    data: Mapping[str, DataRecord]
    prepared: Path
    cache: ArtifactCache
    device: str
    custom: Path
    snapshots: tuple[str, ...]
    partial: Path
    checkpoint_seconds: float

    def inputs(self) -> list[Input]:
        """The data, custom code, and existing runs that lack a snapshot."""
        arrays = [
            Input(self.prepared / data_id / ARRAYS_FILE, record.file_sha256)
            for data_id, record in self.data.items()
        ]
        keys = [run.run_id for run in self.runs]
        former = [path(key) for key in keys for path in (self.cache.path, self.cache.shared_path)]
        return [*arrays, Input(self.custom), *map(Input, former)]

    def outputs(self) -> list[Output]:
        """The runs, and the checkpoints from which they continue."""
        return [
            Output(self.cache, run.run_id, checkpoint_path(self.partial, run.run_id))
            for run in self.runs
        ]

    def moved(self, to: Move) -> TrainPayload:
        """The payload with all files in other places."""
        return replace(
            self,
            prepared=to(self.prepared),
            cache=self.cache.moved(to),
            custom=to(self.custom),
            partial=to(self.partial),
        )

    def without(self, keys: Collection[str]) -> TrainPayload:
        """The payload without runs that are already trained."""
        return replace(self, runs=tuple(run for run in self.runs if run.run_id not in keys))


@dataclass(frozen=True)
class MeasurePayload:
    """What a worker needs to make the measurements of one job, all on the same data and network.

    Attributes:
        specs: the measurements.
        data: the record of the data, verified together with the arrays.
        prepared: the folder of the arrays.
        runs: the cache of runs, which the stage has verified.
        measurements: the cache of measurements.
        device: `cpu`, `mps`, or `cuda`, which is the worker's own GPU.
        custom: the folder of custom code.
    """

    specs: tuple[MeasurementSpec, ...]
    data: DataRecord
    prepared: Path
    runs: ArtifactCache
    measurements: ArtifactCache
    device: str
    custom: Path

    def inputs(self) -> list[Input]:
        """The data, custom code, and the weights of the runs."""
        arrays = Input(self.prepared / ARRAYS_FILE, self.data.file_sha256)
        keys = dict.fromkeys(run.run_id for spec in self.specs for run in spec.runs)
        return [
            arrays,
            Input(self.custom),
            *(Input(self.runs.path(key) / WEIGHTS_FILE) for key in keys),
        ]

    def outputs(self) -> list[Output]:
        """The measurements."""
        return [Output(self.measurements, spec.measurement_id) for spec in self.specs]

    def moved(self, to: Move) -> MeasurePayload:
        """The payload with all files in other places."""
        return replace(
            self,
            prepared=to(self.prepared),
            runs=self.runs.moved(to),
            measurements=self.measurements.moved(to),
            custom=to(self.custom),
        )

    def without(self, keys: Collection[str]) -> MeasurePayload:
        """The payload without measurements that are already made."""
        specs = tuple(spec for spec in self.specs if spec.measurement_id not in keys)
        return replace(self, specs=specs)
