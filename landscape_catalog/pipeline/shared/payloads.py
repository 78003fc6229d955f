"""The payloads that are sent to workers: everything one job needs, without heavy imports.

Specs and verified records are passed by value. Arrays and weights are too large for that: a worker
reads them from the project's folders and writes its results there, so it must see the same file
system, under the same paths, as the stage that started it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.records import DataRecord


@dataclass(frozen=True)
class TrainPayload:
    """What a worker needs to train one run.

    Attributes:
        run: the run.
        data: the record of the run's data, verified together with the arrays.
        prepared: the folder of the arrays.
        cache: the cache of runs.
        device: `cpu` or `cuda`.
        custom: the folder of custom code.
        snapshots: the snapshots to keep.
    """

    run: Run
    data: DataRecord
    prepared: Path
    cache: ArtifactCache
    device: str
    custom: Path
    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class MeasurePayload:
    """What a worker needs to make the measurements of one job, all on the same data and network.

    Attributes:
        specs: the measurements.
        data: the record of the data, verified together with the arrays.
        prepared: the folder of the arrays.
        runs: the cache of runs, which the stage has verified.
        measurements: the cache of measurements.
        device: `cpu` or `cuda`.
        custom: the folder of custom code.
    """

    specs: tuple[MeasurementSpec, ...]
    data: DataRecord
    prepared: Path
    runs: ArtifactCache
    measurements: ArtifactCache
    device: str
    custom: Path
