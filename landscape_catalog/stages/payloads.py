"""What a worker is handed: everything that one job needs, and nothing heavy to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.execution.store import Shelf
from landscape_catalog.schemas.grid import Run
from landscape_catalog.stages.measurements import Needed


@dataclass(frozen=True)
class TrainPayload:
    """What a worker needs to train one run."""

    run: Run
    prepared: Path
    shelf: Shelf
    device: str
    custom: Path
    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class MeasurePayload:
    """What a worker needs: the measurements of one job, all on the same data and network."""

    needed: tuple[Needed, ...]
    prepared: Path
    runs: Shelf
    shelf: Shelf
    device: str
    custom: Path
