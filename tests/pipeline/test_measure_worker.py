"""One job's measurements: each is kept, whatever becomes of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.errors import MeasurementError, StorageError
from landscape_catalog.pipeline.measure import worker as measuring
from landscape_catalog.pipeline.measure.worker import measure_and_keep
from landscape_catalog.pipeline.shared.measurements import Needed, pairs_needed
from landscape_catalog.store.measured import DistanceMeasurement
from tests.experiment.grids import experiment_of, grid_of

CHANGES = {"train.seeds": 3, "measure.connectivity.pairs": "all"}


@dataclass
class ArtifactCache:
    """Where records go."""

    folder: Path
    shared: list[str] = field(default_factory=list)

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def share(self, key: str) -> None:
        self.shared.append(key)


@dataclass
class Payload:
    """What a job gets, without data and networks."""

    needed: tuple[Needed, ...]
    cache: ArtifactCache
    device: str = "cpu"


def test_one_that_fails_is_named_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = pairs_needed(grid_of(CHANGES).cells[0].runs, experiment_of(CHANGES).measure)
    needed = tuple(item for item in every if item.metric == "distance")
    bad = needed[1]

    def distance(subject: Any, item: Needed) -> DistanceMeasurement:
        if item is bad:
            raise ValueError("too far")
        return DistanceMeasurement(l2=1.0, norm=1.0, other_norm=1.0, n=3)

    monkeypatch.setattr(measuring, "Subject", lambda payload: None)
    monkeypatch.setitem(measuring.MAKERS, "distance", distance)
    payload: Any = Payload(needed, ArtifactCache(tmp_path))
    ids = " and ".join(run.run_id for run in bad.runs)
    with pytest.raises(MeasurementError, match=f"^distance of {ids}: ValueError: too far$"):
        measure_and_keep(payload)
    assert payload.cache.shared == [needed[0].measurement_id, needed[2].measurement_id]
    assert all((tmp_path / f"{key}.json").exists() for key in payload.cache.shared)


def test_a_disk_that_fails_ends_the_job_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool stops everything for it, since every other job would fail alike."""
    every = pairs_needed(grid_of(CHANGES).cells[0].runs, experiment_of(CHANGES).measure)

    def distance(subject: Any, item: Needed) -> DistanceMeasurement:
        raise StorageError("no space left")

    monkeypatch.setattr(measuring, "Subject", lambda payload: None)
    monkeypatch.setitem(measuring.MAKERS, "distance", distance)
    needed = tuple(item for item in every if item.metric == "distance")
    payload: Any = Payload(needed, ArtifactCache(tmp_path))
    with pytest.raises(StorageError, match="no space left"):
        measure_and_keep(payload)
