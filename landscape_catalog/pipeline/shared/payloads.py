"""What a worker is handed: everything that one job needs, and nothing heavy to import.

Specs and verified records travel as values. Arrays and weights are too large for that: a worker
reads them from the project's folders and writes its results there, so it must see the same file
system as the stage that started it, under the same paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.measurements import MeasurementSpec
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.records import DataRecord


@dataclass(frozen=True)
class TrainPayload:
    """What a worker needs to train one run.

    Attributes:
        run: which.
        data: the record of the run's data, verified together with their arrays.
        prepared: the folder of those arrays.
        cache: where runs are kept.
        device: `cpu` or `cuda`.
        custom: the folder of the user's own code.
        snapshots: which weights to keep.
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
        data: the record of the data, verified together with their arrays.
        prepared: the folder of those arrays.
        runs: where trained runs are kept, verified by the stage.
        measurements: where measurements are kept.
        device: `cpu` or `cuda`.
        custom: the folder of the user's own code.
    """

    specs: tuple[MeasurementSpec, ...]
    data: DataRecord
    prepared: Path
    runs: ArtifactCache
    measurements: ArtifactCache
    device: str
    custom: Path
