"""What the catalog is built from: the records of an experiment, gathered cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell, Grid, Run
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY, Found
from landscape_catalog.store.records import DataRecord, RunRecord

Measured = Mapping[str, list[Found]]  # what each metric's probes found, by name of the metric


@dataclass(frozen=True)
class RunResult:
    """A run with everything measured on it: its losses alone if it has not converged."""

    run: Run
    record: RunRecord
    history: dict[str, np.ndarray]
    measured: Measured
    nc_reason: str | None

    @property
    def losses(self) -> dict[str, Loss]:
        """Loss and error by snapshot, or `primary`, which comes first."""
        return {found.probe: found.results[0] for found in self.measured["loss"]}

    @property
    def loss(self) -> Loss:
        """Loss and error of the primary snapshot."""
        return self.losses[PRIMARY]


@dataclass(frozen=True)
class PairResult:
    """Two converged runs of a cell with what was measured between them."""

    run: Run
    other: Run
    measured: Measured


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
    """Everything that an experiment has made.

    Attributes:
        experiment: what was asked for.
        grid: its cells.
        data: the records of the prepared data, by id.
        cells: their results, in the order of the grid.
        probes: every way to measure.
        methods: how each metric is computed, by metric and probe.
        measurement_ids: those that the experiment's id hashes.
    """

    experiment: Experiment
    grid: Grid
    data: dict[str, DataRecord]
    cells: list[CellResult]
    probes: list[ProbeResult]
    methods: Mapping[tuple[str, str], str]
    measurement_ids: list[str] = field(repr=False)
