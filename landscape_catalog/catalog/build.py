"""Builds the catalog's tables from an experiment's results."""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl

from landscape_catalog.catalog.cell_rows import (
    cell_numbers,
    cell_row,
    criterion_rows,
    metric_rows,
    phase_rows,
)
from landscape_catalog.catalog.classification import classification_id
from landscape_catalog.catalog.estimates import estimate_rows
from landscape_catalog.catalog.label_rows import label_distributions_of, probability_rows
from landscape_catalog.catalog.results import ExperimentResult
from landscape_catalog.catalog.run_rows import (
    epoch_rows,
    pair_key,
    pair_row,
    run_key,
    run_row,
    snapshot_rows,
    table_rows,
)
from landscape_catalog.catalog.tables import METRIC_TABLES, TABLES, frame_of
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.identity import identify
from landscape_catalog.schema.tables import Row

DECIDING_SECTIONS = {
    "dataset", "model", "load", "temperature", "train", "measure", "variants",
}  # fmt: skip


def build_tables(result: ExperimentResult) -> dict[str, pl.DataFrame]:
    """Every table of the catalog, sorted, with the columns declared in `TABLES`.

    The metrics of a cell are computed over its converged runs and the pairs of them.
    """
    experiment = _experiment_row(result)
    keys = {"experiment_id": experiment["experiment_id"]}
    cell_ids = [cell.cell.cell_id for cell in result.cells]
    runs = [run for cell in result.cells for run in cell.runs]
    pairs = [(cell, pair) for cell in result.cells for pair in cell.pairs]
    estimates = [estimate_rows(cell, result) for cell in result.cells]
    primary = result.experiment.measure.snapshots[0]
    numbers = cell_numbers(result, estimates)
    distributions = label_distributions_of(result, estimates, numbers)
    classified = keys | {"classification_id": experiment["classification_id"]}
    rows: dict[str, list[Row]] = {
        "experiments": [experiment],
        "probes": [keys | {"position": i, **vars(p)} for i, p in enumerate(result.probes)],
        "landscapes": _landscape_rows(result),
        "cells": [keys | cell_row(i, cell) for i, cell in enumerate(result.cells)],
        "cell_metrics": [
            keys | {"cell_id": cell.cell.cell_id} | row
            for cell, own in zip(result.cells, estimates)
            for row in metric_rows(cell, own, result)
        ],
        "runs": [run_row(run) for run in runs],
        "snapshots": [row for run in runs for row in snapshot_rows(run, primary)],
        "epochs": [row for run in runs for row in epoch_rows(run)],
        "pairs": [pair_row(cell, pair) for cell, pair in pairs],
        "estimates": [row for own in estimates for row in own],
        "phases": phase_rows(result, estimates, numbers, distributions, classified),
        "phase_probabilities": list(probability_rows(cell_ids, distributions, classified)),
        "criteria": list(criterion_rows(result.experiment.classify, numbers, classified)),
    }
    measured = [table_rows(run.measured, run_key(run)) for run in runs]
    measured += [table_rows(pair.measured, pair_key(cell, pair)) for cell, pair in pairs]
    for name in METRIC_TABLES:
        rows[name] = [row for tables in measured for row in tables[name]]
    return {name: frame_of(table, rows[name]) for name, table in TABLES.items()}


def _experiment_row(result: ExperimentResult) -> Row:
    experiment, grid = result.experiment, result.grid
    stored = experiment.stored()
    spec = {name: value for name, value in stored.items() if name in DECIDING_SECTIONS}
    rule = stored["classify"]
    members = sorted([run.run_id for run in grid.runs] + result.measurement_ids)
    experiment_id = identify("experiment", members, {})
    kinds = {record.kind for record in result.data.values()}
    return {
        "experiment_id": experiment_id,
        "classification_id": classification_id(experiment_id, experiment.classify),
        "dataset": ", ".join(dict.fromkeys(c.landscape.data.dataset.name for c in grid.cells)),
        "model": ", ".join(dict.fromkeys(c.landscape.model.name for c in grid.cells)),
        "kind": ", ".join(sorted(kinds)),
        "connectivity_unit": _connectivity_unit(result),
        "n_cells": len(grid.cells),
        "n_runs": len(grid.runs),
        "axes": json.dumps([{"path": axis.path, "values": axis.values} for axis in grid.axes]),
        "variants": json.dumps(grid.variants),
        "spec": json.dumps(spec),
        "classify": json.dumps(rule),
        "performance_metric": performance_metric(
            run.loss for cell in result.cells for run in cell.runs
        ),
    }


def _connectivity_unit(result: ExperimentResult) -> str | None:
    """Unit of the primary probe's first curve, or None if there is no curve."""
    for cell in result.cells:
        for pair in cell.pairs:
            for curve in pair.measured["connectivity"].get(PRIMARY, []):
                unit: str = curve.unit
                return unit
    return None


def performance_metric(losses: Iterable[Loss]) -> str:
    """The test metric by which cells are ranked, according to the tasks of all runs.

    Variants whose tasks rank by different metrics are compared by their loss.
    """
    ranked_by = {loss.judged_by for loss in losses}
    return f"test_{ranked_by.pop() if len(ranked_by) == 1 else 'loss'}"


def _landscape_rows(result: ExperimentResult) -> list[Row]:
    n_parameters = {
        cell.cell.landscape.landscape_id: cell.runs[0].record.n_parameters for cell in result.cells
    }
    rows = []
    for landscape in result.grid.landscapes:
        data = result.data[landscape.data.data_id]
        extra = landscape.data.extra | landscape.model_args | landscape.task_args
        rows.append(
            {
                "landscape_id": landscape.landscape_id,
                "data_id": data.data_id,
                "content_hash": data.content_hash,
                "dataset": landscape.data.dataset.name,
                "model": landscape.model.name,
                "width": landscape.width,
                "samples": landscape.data.samples,
                "label_noise": landscape.data.label_noise,
                "pixel_noise": landscape.data.pixel_noise,
                "extra": json.dumps(extra, sort_keys=True),
                "n_test": data.n_test,
                "n_classes": data.n_classes,
                "n_changed_labels": data.n_changed_labels,
                "frequency_loss": data.frequency_loss if data.n_classes else None,
                "n_parameters": n_parameters[landscape.landscape_id],
            }
        )
    return rows
