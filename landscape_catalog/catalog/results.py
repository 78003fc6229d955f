"""What the catalog is built from: the records of an experiment, gathered cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from landscape_catalog.schemas.experiment import Experiment
from landscape_catalog.schemas.grid import Cell, Grid, Run
from landscape_catalog.schemas.records import (
    ConnectivityMeasurement,
    DataRecord,
    DistanceMeasurement,
    HessianMeasurement,
    LossMeasurement,
    RunRecord,
    SimilarityMeasurement,
)


@dataclass(frozen=True)
class RunResult:
    """A run with everything measured on it; `hessian` is None for a run that has not converged."""

    run: Run
    record: RunRecord
    history: dict[str, np.ndarray]
    loss: LossMeasurement
    nc_reason: str | None
    hessian: HessianMeasurement | None


@dataclass(frozen=True)
class PairResult:
    """Two converged runs of a cell with what was measured between them."""

    run: Run
    other: Run
    similarity: SimilarityMeasurement
    distance: DistanceMeasurement
    connectivity: ConnectivityMeasurement | None


@dataclass(frozen=True)
class CellResult:
    """A cell with its runs and pairs."""

    cell: Cell
    runs: list[RunResult]
    pairs: list[PairResult]


@dataclass(frozen=True)
class ExperimentResult:
    """Everything that an experiment has made."""

    experiment: Experiment
    grid: Grid
    data: dict[str, DataRecord]
    cells: list[CellResult]
    measurement_ids: list[str] = field(repr=False)
    methods: dict[str, str] = field(default_factory=dict)
