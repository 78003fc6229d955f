"""Gathers the records of an experiment, cell by cell, for the catalog."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from landscape_catalog.catalog import (
    CellResult,
    ExperimentResult,
    PairResult,
    ProbeResult,
    RunResult,
)
from landscape_catalog.catalog.results import Measured
from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.experiment.measure import MeasureBase
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.pipeline.aggregate.first_version import completed
from landscape_catalog.pipeline.shared.finished import measured, nc_reason, trained_runs
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    specs_on,
)
from landscape_catalog.pipeline.shared.procedures import probes_of, probes_with_sections
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.schema.identity import Ids
from landscape_catalog.store.artifacts import read_history


def gather(workspace: Workspace) -> ExperimentResult:
    """All results of an experiment; those of its cells are read from their records one by one.

    Raises:
        MissingArtifactError: if a run is missing, or a measurement, also while the cells are read.
    """
    return _Gatherer(workspace).result()


class _Gatherer:
    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.measure: MeasureBase = workspace.experiment.measure
        self.records = trained_runs(workspace)
        self.data = workspace.data_records()
        self.ids = Ids()

    def result(self) -> ExperimentResult:
        workspace = self.workspace
        cells: Iterable[CellResult] = map(self._cell, workspace.grid.cells)
        if workspace.experiment.measure.custom:
            cells = list(cells)
        return ExperimentResult(
            workspace.experiment,
            workspace.grid,
            self.data,
            cells,
            probe_results(self.measure),
            methods_of(self.measure),
            self.ids,
        )

    def _cell(self, cell: Cell) -> CellResult:
        procedures = self.workspace.procedures
        losses = {
            run.run_id: self._measured(specs_on(procedures.losses(cell), [run]))
            for run in cell.runs
        }
        reasons = {run.run_id: self._nc_reason(run, losses[run.run_id]) for run in cell.runs}
        converged = [run for run in cell.runs if reasons[run.run_id] is None]
        further: dict[tuple[str, ...], list[MeasurementSpec]] = defaultdict(list)
        for spec in specs_on(procedures.further(cell), converged):
            further[tuple(run.run_id for run in spec.runs)].append(spec)
        pairs = [
            PairResult(run, other, self._measured(further[run.run_id, other.run_id]))
            for run, other in itertools.combinations(converged, 2)  # in order of seeds
        ]
        for found in losses.values():
            for repeats in found["loss"].values():
                repeats[:] = [completed(loss, cell, pairs) for loss in repeats]
        runs = [
            RunResult(
                run=run,
                record=self.records[run.run_id],
                history=read_history(self.workspace.runs.path(run.run_id)),
                measured={**losses[run.run_id], **self._measured(further[run.run_id,])},
                nc_reason=reasons[run.run_id],
            )
            for run in cell.runs
        ]
        return CellResult(cell, runs, pairs)

    def _nc_reason(self, run: Run, measured: Measured) -> str | None:
        loss: Loss = next(iter(measured["loss"].values()))[0]
        return nc_reason(self.records[run.run_id], loss, self.data[run.cell.landscape.data.data_id])

    def _measured(self, specs: Iterable[MeasurementSpec]) -> Measured:
        """The results for one run or pair, grouped by metric and probe; one per repeat."""
        found: dict[str, dict[str, list[Any]]] = defaultdict(dict)
        for spec in specs:
            if METRICS[spec.metric].identifies:
                self.ids.add([spec.measurement_id])
            repeats = found[spec.metric].setdefault(spec.probe, [])
            repeats.append(measured(self.workspace, spec))
        return dict(found)


def probe_results(measure: MeasureBase) -> list[ProbeResult]:
    """Every probe of the metrics that have settings."""
    return [
        ProbeResult(
            metric.name,
            name,
            getattr(settings, "name", name),
            metric.method(settings),
            settings.model_dump_json(exclude=settings.unused()),
        )
        for metric, settings, name in probes_with_sections(measure)
    ]


def methods_of(measure: MeasureBase) -> dict[tuple[str, str], str]:
    """How each metric is computed, by metric and probe."""
    return {
        (metric.name, name): metric.method(settings)
        for metric in METRICS.values()
        for settings, name in probes_of(metric, measure)
    }
