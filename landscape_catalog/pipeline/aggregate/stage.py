"""Stage 4: the catalog's tables, the DuckDB file, and the numbers that DVC compares."""

from __future__ import annotations

import itertools
import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import TypeVar

from landscape_catalog.catalog import (
    CellResult,
    ExperimentResult,
    PairResult,
    ProbeResult,
    RunResult,
    build_database,
    build_tables,
    packed_tables,
    plot_data,
    summary_metrics,
)
from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.experiment.measure import PRIMARY, Connectivity, Measure, Similarity
from landscape_catalog.pipeline.shared.finished import measured, nc_reason, trained_runs
from landscape_catalog.pipeline.shared.measurements import (
    Metric,
    Needed,
    hessians_needed,
    losses_needed,
    method,
    pairs_needed,
)
from landscape_catalog.pipeline.shared.workspace import Workspace, open_workspace
from landscape_catalog.schema.fields import Section
from landscape_catalog.store.artifacts import read_history
from landscape_catalog.store.files import prune, write_file
from landscape_catalog.store.lock import project_lock
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
from landscape_catalog.store.records import RunRecord

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
        return ExperimentResult(
            workspace.experiment,
            workspace.grid,
            self.data,
            cells,
            _probes(workspace.experiment.measure),
            self.measurement_ids,
        )

    def _measured(self, needed: Needed, kind: type[Values]) -> Values:
        self.measurement_ids.append(needed.measurement_id)
        return measured(self.workspace, needed, kind)

    def _cell(self, cell: Cell) -> CellResult:
        runs = [self._run(run) for run in cell.runs]
        converged = [result.run for result in runs if result.nc_reason is None]
        return CellResult(cell, runs, self._pairs(converged))

    def _run(self, run: Run) -> RunResult:
        measure, record = self.workspace.experiment.measure, self.records[run.run_id]
        losses = {
            needed.snapshot: self._measured(needed, LossMeasurement)
            for needed in losses_needed([run], measure)
        }
        primary = losses[measure.snapshots[0]]
        reason = nc_reason(record, primary, self.data[run.cell.landscape.data.data_id])
        wanted = [] if reason is not None else hessians_needed([run], measure)
        by_metric = {needed.metric: needed for needed in wanted}

        def of(metric: Metric, kind: type[Values]) -> Values | None:
            return self._measured(by_metric[metric], kind) if metric in by_metric else None

        return RunResult(
            run=run,
            record=record,
            history=read_history(self.workspace.runs.path(run.run_id)),
            losses=losses,
            nc_reason=reason,
            hessian=of("hessian", HessianMeasurement),
            density=of("density", DensityMeasurement),
            layers=of("layers", LayersMeasurement),
        )

    def _pairs(self, runs: list[Run]) -> list[PairResult]:
        by_pair: dict[tuple[str, ...], list[Needed]] = defaultdict(list)
        for item in pairs_needed(runs, self.workspace.experiment.measure):
            by_pair[tuple(run.run_id for run in item.runs)].append(item)
        pairs = []
        for run, other in itertools.combinations(runs, 2):
            needed = by_pair[run.run_id, other.run_id]  # a pair names its runs in order of seeds
            (distance,) = (item for item in needed if item.metric == "distance")
            pairs.append(
                PairResult(
                    run,
                    other,
                    similarities={
                        name: found
                        for name, (found,) in self._by_probe(
                            needed, "similarity", SimilarityMeasurement
                        ).items()
                    },
                    distance=self._measured(distance, DistanceMeasurement),
                    curves=self._by_probe(needed, "connectivity", ConnectivityMeasurement),
                    barrier=next(
                        (
                            self._measured(item, BarrierMeasurement)
                            for item in needed
                            if item.metric == "barrier"
                        ),
                        None,
                    ),
                )
            )
        return pairs

    def _by_probe(
        self, needed: list[Needed], metric: str, kind: type[Values]
    ) -> dict[str, list[Values]]:
        """What each probe found, repeat by repeat."""
        names = _names(self.workspace.experiment.measure, metric)
        found: dict[str, list[Values]] = defaultdict(list)
        for item in needed:
            if item.metric == metric and item.settings is not None:
                found[names[item.settings]].append(self._measured(item, kind))
        return dict(found)


def _names(measure: Measure, metric: str) -> dict[Section, str]:
    """The name of each probe in the catalog: the first is `primary`."""
    probes: tuple[Connectivity | Similarity, ...] = getattr(measure, f"{metric}_probes")
    return {probe: probe.name if i else PRIMARY for i, probe in enumerate(probes)}


def _probes(measure: Measure) -> list[ProbeResult]:
    """Every way in which something is measured."""
    hessian = measure.hessian
    found = [ProbeResult("hessian", PRIMARY, PRIMARY, method(hessian), hessian.model_dump_json())]
    for metric in ("connectivity", "similarity"):
        found += [
            ProbeResult(metric, name, getattr(p, "name", name), method(p), p.model_dump_json())
            for p, name in _names(measure, metric).items()
        ]
    return found
