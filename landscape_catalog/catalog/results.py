"""What the catalog is built from: the records of an experiment, gathered cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell, Grid, Run
from landscape_catalog.experiment.measure import PRIMARY
from landscape_catalog.store.measured import (
    BarrierMeasurement,
    ConnectivityMeasurement,
    DensityMeasurement,
    DistanceMeasurement,
    HessianMeasurement,
    LayersMeasurement,
    LossMeasurement,
    SimilarityMeasurement,
)
from landscape_catalog.store.records import DataRecord, RunRecord


@dataclass(frozen=True)
class RunResult:
    """A run with everything measured on it; `hessian` is None for a run that has not converged.

    `losses` has every snapshot that is measured, the primary one first.
    """

    run: Run
    record: RunRecord
    history: dict[str, np.ndarray]
    losses: dict[str, LossMeasurement]
    nc_reason: str | None
    hessian: HessianMeasurement | None
    density: DensityMeasurement | None = None
    layers: LayersMeasurement | None = None

    @property
    def loss(self) -> LossMeasurement:
        """Loss and error of the primary snapshot."""
        return next(iter(self.losses.values()))


@dataclass(frozen=True)
class PairResult:
    """Two converged runs of a cell with what was measured between them, by name of the probe.

    The primary probe is called `primary`. A curve may be fitted several times; the straight
    line is there where the primary probe has a curve.
    """

    run: Run
    other: Run
    similarities: dict[str, SimilarityMeasurement]
    distance: DistanceMeasurement
    curves: dict[str, list[ConnectivityMeasurement]]
    barrier: BarrierMeasurement | None

    @property
    def similarity(self) -> SimilarityMeasurement:
        """By the primary probe."""
        return self.similarities[PRIMARY]

    @property
    def connectivity(self) -> list[ConnectivityMeasurement]:
        """By the primary probe, fit by fit; empty where the pair has no such curve."""
        return self.curves.get(PRIMARY, [])


@dataclass(frozen=True)
class CellResult:
    """A cell with its runs and pairs."""

    cell: Cell
    runs: list[RunResult]
    pairs: list[PairResult]

    @property
    def converged(self) -> list[RunResult]:
        """The runs that have converged."""
        return [run for run in self.runs if run.nc_reason is None]


@dataclass(frozen=True)
class ProbeResult:
    """One way to measure a metric: its name in the catalog, how it is computed, its parameters."""

    metric: str
    name: str
    title: str
    method: str
    parameters: str


@dataclass(frozen=True)
class ExperimentResult:
    """Everything that an experiment has made."""

    experiment: Experiment
    grid: Grid
    data: dict[str, DataRecord]
    cells: list[CellResult]
    probes: list[ProbeResult]
    measurement_ids: list[str] = field(repr=False)

    def method(self, metric: str, probe: str = PRIMARY) -> str:
        """How a metric is computed, `direct` where there is no choice."""
        found = [p.method for p in self.probes if (p.metric, p.name) == (metric, probe)]
        return found[0] if found else "direct"
