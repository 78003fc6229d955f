"""The catalog's input: the records of an experiment, grouped by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell, Grid, Run
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY, Scope
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.identity import Ids
from landscape_catalog.store.records import DataRecord, RunRecord

# The results of a run or pair by metric and probe, one per repeat. The probe of `loss` on a
# secondary snapshot is the name of the snapshot.
Measured = Mapping[str, Mapping[str, list[Any]]]


@dataclass(frozen=True)
class RunResult:
    """A run with everything measured on it; only its losses if it has not converged."""

    run: Run
    record: RunRecord
    history: dict[str, np.ndarray]
    measured: Measured
    nc_reason: str | None

    @property
    def losses(self) -> dict[str, Loss]:
        """Loss and error by snapshot; the primary snapshot comes first, under the key `primary`."""
        return {probe: repeats[0] for probe, repeats in self.measured["loss"].items()}

    @property
    def loss(self) -> Loss:
        """Loss and error of the primary snapshot."""
        return self.losses[PRIMARY]


@dataclass(frozen=True)
class PairResult:
    """Two converged runs of a cell with the measurements of the pair."""

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
    """A probe: one configuration in which a metric is measured.

    Attributes:
        metric: the metric.
        name: name of the probe in the catalog.
        title: its name in params.yaml.
        method: how the metric is computed, in words.
        parameters: JSON of its settings.
    """

    metric: str
    name: str
    title: str
    method: str
    parameters: str


@dataclass(frozen=True)
class CustomValue:
    """A value that a custom metric returns.

    Attributes:
        probe: name of the metric in params.yaml.
        name: name of the value among those that the metric returns.
        scope: whether it describes a run or a pair.
        metric: its name in the catalog.
        method: how it is computed.
    """

    probe: str
    name: str
    scope: Scope
    metric: str
    method: str


@dataclass(frozen=True)
class ExperimentResult:
    """All results of an experiment.

    Attributes:
        experiment: the specification.
        grid: its cells.
        data: records of the prepared data, by id.
        cells: results of the cells, in the order of the grid. They may be made while they are read,
            and then are read once, unless there are custom metrics, whose values are known only
            from all cells.
        probes: every probe.
        methods: how each metric is computed, by metric and probe.
        measurement_ids: ids of the measurements that the experiment's id is a hash of; complete
            when the cells have been read.
    """

    experiment: Experiment
    grid: Grid
    data: dict[str, DataRecord]
    cells: Iterable[CellResult]
    probes: list[ProbeResult]
    methods: Mapping[tuple[str, str], str]
    measurement_ids: Ids = field(repr=False)

    @cached_property
    def custom_values(self) -> list[CustomValue]:
        """All values that custom metrics have returned for any run or pair."""
        if not self.experiment.measure.custom:
            return []
        returned: dict[str, dict[str, None]] = {}
        for cell in self.cells:
            measured = [run.measured for run in cell.runs] + [pair.measured for pair in cell.pairs]
            for part in measured:
                for probe, repeats in part.get("custom", {}).items():
                    for result in repeats:
                        returned.setdefault(probe, {}).update(dict.fromkeys(result.values))
        custom = METRICS["custom"]
        return [
            CustomValue(
                probe=settings.name,
                name=name,
                scope=settings.scope,
                metric=custom.catalog_name(settings.name, name)[0],
                method=custom.method(settings),
            )
            for settings in self.experiment.measure.custom
            for name in returned.get(settings.name, ())
        ]
