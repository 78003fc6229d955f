"""What a worker is handed: everything that one job needs, and nothing heavy to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.measurements import MeasurementSpec
from landscape_catalog.store.cache import ArtifactCache


@dataclass(frozen=True)
class TrainPayload:
    """What a worker needs to train one run."""

    run: Run
    prepared: Path
    cache: ArtifactCache
    device: str
    custom: Path
    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class MeasurePayload:
    """What a worker needs: the measurements of one job, all on the same data and network."""

    specs: tuple[MeasurementSpec, ...]
    prepared: Path
    runs: ArtifactCache
    measurements: ArtifactCache
    device: str
    custom: Path
