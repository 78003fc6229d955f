"""Stage 4: the catalog's tables, the DuckDB file, and the numbers that DVC compares."""

from __future__ import annotations

import itertools
import json
import logging
from pathlib import Path
from typing import TypeVar

from landscape_catalog.catalog import (
    CellResult,
    ExperimentResult,
    PairResult,
    RunResult,
    build_database,
    build_tables,
    packed_tables,
    plot_data,
    summary_metrics,
)
from landscape_catalog.execution.artifacts import read_history
from landscape_catalog.execution.files import prune, write_file
from landscape_catalog.execution.lock import project_lock
from landscape_catalog.schemas.grid import Cell, Run
from landscape_catalog.schemas.records import (
    ConnectivityMeasurement,
    DistanceMeasurement,
    HessianMeasurement,
    LossMeasurement,
    RunRecord,
    SimilarityMeasurement,
)
from landscape_catalog.stages.finished import measured, nc_reason, trained_runs
from landscape_catalog.stages.measurements import (
    Needed,
    hessians_needed,
    losses_needed,
    method,
    pairs_needed,
)
from landscape_catalog.stages.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)
Values = TypeVar("Values")


def run_aggregate(root: Path) -> None:
    """Gather every record, classify every cell, and write the catalog.

    Raises:
        MissingArtifactError: if a run or a measurement is missing.
    """
    workspace = open_workspace(root)
    project = workspace.project
    with project_lock(project.lock):
        tables = build_tables(_Gathering(workspace).result())
        files = packed_tables(tables)
        prune(project.catalog, set(files))
        for name, content in files.items():
            write_file(project.catalog / name, content)
        build_database(project.catalog, project.database)
        summary = summary_metrics(tables)
        write_file(project.metrics, (json.dumps(summary, indent=2) + "\n").encode())
        plots = plot_data(tables)
        for name, frame in plots.items():
            write_file(project.plots / f"{name}.csv", frame.write_csv().encode())
        counts = ", ".join(f"{phase} {n}" for phase, n in summary["phases"].items() if n)
        log.info("aggregate: %d cells: %s", tables["cells"].height, counts)


class _Gathering:
    """Collects the records of an experiment, cell by cell."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.records: dict[str, RunRecord] = trained_runs(workspace)
        self.data = workspace.data_records()
        self.measurement_ids: list[str] = []

    def result(self) -> ExperimentResult:
        workspace = self.workspace
        cells = [self._cell(cell) for cell in workspace.grid.cells]
        methods = {metric: method(metric) for metric in ("hessian", "connectivity", "similarity")}
        return ExperimentResult(
            workspace.experiment, workspace.grid, self.data, cells, self.measurement_ids, methods
        )

    def _measured(self, needed: Needed, kind: type[Values]) -> Values:
        self.measurement_ids.append(needed.measurement_id)
        return measured(self.workspace, needed, kind)

    def _cell(self, cell: Cell) -> CellResult:
        runs = [self._run(run) for run in cell.runs]
        converged = [result.run for result in runs if result.nc_reason is None]
        return CellResult(cell, runs, self._pairs(converged))

    def _run(self, run: Run) -> RunResult:
        (loss,) = losses_needed([run])
        reason = nc_reason(self.workspace, run, self.records, self.data)
        hessian = None
        if reason is None:
            (needed,) = hessians_needed([run], self.workspace.experiment.measure)
            hessian = self._measured(needed, HessianMeasurement)
        return RunResult(
            run=run,
            record=self.records[run.run_id],
            history=read_history(self.workspace.runs.path(run.run_id)),
            loss=self._measured(loss, LossMeasurement),
            nc_reason=reason,
            hessian=hessian,
        )

    def _pairs(self, runs: list[Run]) -> list[PairResult]:
        needed = {
            (item.metric, *(run.run_id for run in item.runs)): item
            for item in pairs_needed(runs, self.workspace.experiment.measure)
        }
        pairs = []
        for run, other in itertools.combinations(runs, 2):
            key = (run.run_id, other.run_id)  # a pair names its runs in the order of seeds
            curve = needed.get(("connectivity", *key))
            pairs.append(
                PairResult(
                    run,
                    other,
                    similarity=self._measured(needed["similarity", *key], SimilarityMeasurement),
                    distance=self._measured(needed["distance", *key], DistanceMeasurement),
                    connectivity=self._measured(curve, ConnectivityMeasurement) if curve else None,
                )
            )
        return pairs
