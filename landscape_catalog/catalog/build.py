"""Builds the catalog's tables from an experiment's results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog.cell_estimates import CellEstimates
from landscape_catalog.catalog.cell_rows import (
    cell_numbers,
    cell_row,
    criterion_rows,
    metric_rows,
    phase_rows,
    unfinished_metrics,
)
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.experiment_rows import (
    experiment_row,
    landscape_rows,
    performance_metric,
    unit_of_curves,
)
from landscape_catalog.catalog.label_rows import (
    is_positive,
    label_distributions_of,
    observed_cell,
    probability_rows,
)
from landscape_catalog.catalog.results import CellResult, ExperimentResult, Measured
from landscape_catalog.catalog.run_rows import (
    epoch_rows,
    pair_key,
    pair_row,
    run_key,
    run_row,
    snapshot_rows,
    table_rows,
)
from landscape_catalog.catalog.table_rows import TableRows
from landscape_catalog.catalog.tables import TABLES, frame_of
from landscape_catalog.catalog.thresholds import stored_thresholds
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.phases import CellNumbers, ObservedCell, Resolved
from landscape_catalog.schema.tables import Row


def build_tables(result: ExperimentResult) -> dict[str, pl.DataFrame]:
    """Every table of the catalog, sorted, with the columns declared in `TABLES`.

    The metrics of a cell are computed over its converged runs and the pairs of them. The cells are
    read once and not kept.
    """
    return {name: rows.frame() for name, rows in build_rows(result).items()}


def build_rows(result: ExperimentResult, folder: Path | None = None) -> dict[str, TableRows]:
    """The rows of every table; see `build_tables`.

    Args:
        result: of the experiment.
        folder: where the rows of large tables are kept; None: in memory.
    """
    build = _Build(result, folder)
    for cell in result.cells:
        build.add(cell)
    return build.rows()


class _Build:
    """The tables, cell by cell, and what is known only when all cells have been read."""

    def __init__(self, result: ExperimentResult, folder: Path | None) -> None:
        self._result, self._rule = result, result.experiment.classify
        self._rows = {name: TableRows(name, table, folder) for name, table in TABLES.items()}
        self._cell_ids: list[str] = []
        self._numbers: list[CellNumbers] = []
        self._observed: list[ObservedCell] = []
        self._remarks: list[list[str]] = []
        self._not_positive: set[str] = set()
        self._losses: dict[Any, Loss] = {}  # one of each kind of judgement
        self._connectivity_unit: str | None = None
        self._n_parameters: dict[str, int] = {}

    def add(self, cell: CellResult) -> None:
        """Add the rows about a cell, its runs and its pairs."""
        result, rows = self._result, self._rows
        primary = result.experiment.measure.snapshots[0]
        estimates = CellEstimates(cell, result)
        self._observe(cell, estimates)
        key = {"cell_id": cell.cell.cell_id}
        rows["cells"].add([cell_row(len(self._cell_ids), cell)])
        rows["cell_metrics"].add(key | row for row in metric_rows(estimates, result))
        for run in cell.runs:
            rows["runs"].add([run_row(run)])
            rows["snapshots"].add(snapshot_rows(run, primary))
            rows["epochs"].add(epoch_rows(run))
            self._add_measured(run.measured, run_key(run))
        for pair in cell.pairs:
            rows["pairs"].add([pair_row(cell, pair)])
            self._add_measured(pair.measured, pair_key(cell, pair))
        rows["estimates"].add(estimates.stored())
        self._cell_ids.append(cell.cell.cell_id)

    def _add_measured(self, measured: Measured, key: Row) -> None:
        for name, rows in table_rows(measured, key).items():
            self._rows[name].add(rows)

    def _observe(self, cell: CellResult, estimates: CellEstimates) -> None:
        """Keep of a cell what its phase and the row of the experiment follow from."""
        rule = self._rule
        self._numbers.append(cell_numbers(estimates, rule))
        self._observed.append(observed_cell(estimates, rule, self._result.experiment.measure))
        self._remarks.append(list(unfinished_metrics(rule, estimates.rows)))
        self._not_positive |= {
            name for name in rule.drawn_metrics if not is_positive(name, estimates.rows)
        }
        self._losses |= {run.loss.judged_by: run.loss for run in cell.runs}
        self._n_parameters[cell.cell.landscape.landscape_id] = cell.runs[0].record.n_parameters
        if self._connectivity_unit is None:
            self._connectivity_unit = unit_of_curves(cell.pairs)

    def rows(self) -> dict[str, TableRows]:
        """All tables, when every cell has been added."""
        result, rows = self._result, self._rows
        row = experiment_row(
            result, self._connectivity_unit, performance_metric(self._losses.values())
        )
        resolved = self._resolved(row)
        rule, row["thresholds"] = resolved.rule, stored_thresholds(resolved.found)
        positive = set(rule.drawn_metrics) - self._not_positive
        distributions = label_distributions_of(rule, self._observed, self._numbers, positive)
        rows["experiments"].add([row])
        rows["probes"].add({"position": i, **vars(probe)} for i, probe in enumerate(result.probes))
        rows["landscapes"].add(landscape_rows(result, self._n_parameters))
        rows["phases"].add(
            phase_rows(rule, self._cell_ids, self._numbers, distributions, self._remarks)
        )
        rows["phase_probabilities"].add(probability_rows(self._cell_ids, distributions, {}))
        rows["criteria"].add(criterion_rows(rule, self._numbers, {}))
        ids = {name: row[name] for name in ("experiment_id", "classification_id")}
        for table in rows.values():
            table.fill(ids)
        return rows

    def _resolved(self, experiment: Row) -> Resolved:
        """The rule with numbers only, found from all cells where they are `auto`."""
        if not self._rule.is_automatic:
            return Resolved(self._rule)
        tables = {}
        for name in ("cells", "cell_metrics"):
            self._rows[name].fill({})
            tables[name] = self._rows[name].frame()
        tables["experiments"] = frame_of(TABLES["experiments"], [experiment])
        return self._rule.resolved(diagram_of(tables))
