"""From an experiment's results to the catalog's tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl

from landscape_catalog.catalog.cell_rows import cell_row, metric_rows, phase_rows
from landscape_catalog.catalog.estimates import cell_estimates, estimate_rows
from landscape_catalog.catalog.results import ExperimentResult
from landscape_catalog.catalog.run_rows import (
    curve_rows,
    density_rows,
    epoch_rows,
    hessian_rows,
    pair_row,
    point_rows,
    run_row,
    similarity_rows,
    snapshot_rows,
)
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.schema.identity import identify

Row = dict[str, Any]
DECIDING_SECTIONS = {
    "dataset", "model", "load", "temperature", "train", "measure", "variants",
}  # fmt: skip


def build_tables(result: ExperimentResult) -> dict[str, pl.DataFrame]:
    """Every table of the catalog, ordered, in the schema of `TABLES`.

    A cell's metrics are over its converged runs and their pairs.
    """
    experiment = _experiment_row(result)
    keys = {"experiment_id": experiment["experiment_id"]}
    runs = [run for cell in result.cells for run in cell.runs]
    estimates = [cell_estimates(cell) for cell in result.cells]

    def of_pairs(rows: Callable[..., list[Row]]) -> list[Row]:
        return [row for cell in result.cells for pair in cell.pairs for row in rows(cell, pair)]

    rows: dict[str, list[Row]] = {
        "experiments": [experiment],
        "probes": [keys | {"position": i, **vars(p)} for i, p in enumerate(result.probes)],
        "landscapes": _landscape_rows(result),
        "cells": [keys | cell_row(i, cell) for i, cell in enumerate(result.cells)],
        "cell_metrics": [
            keys | {"cell_id": cell.cell.cell_id} | row
            for cell, numbers in zip(result.cells, estimates)
            for row in metric_rows(cell, numbers, result)
        ],
        "runs": [run_row(run) for run in runs],
        "snapshots": [row for run in runs for row in snapshot_rows(run)],
        "epochs": [row for run in runs for row in epoch_rows(run)],
        "hessians": [row for run in runs for row in hessian_rows(run)],
        "densities": [row for run in runs for row in density_rows(run)],
        "pairs": of_pairs(lambda cell, pair: [pair_row(cell, pair)]),
        "similarities": of_pairs(similarity_rows),
        "curves": of_pairs(curve_rows),
        "curve_points": of_pairs(point_rows),
        "estimates": [
            row
            for cell, numbers in zip(result.cells, estimates)
            for row in estimate_rows(cell, numbers, result)
        ],
        "phases": phase_rows(
            result, estimates, keys | {"classification_id": experiment["classification_id"]}
        ),
    }
    return {name: table.frame(rows[name]) for name, table in TABLES.items()}


def _experiment_row(result: ExperimentResult) -> Row:
    experiment, grid = result.experiment, result.grid
    spec = experiment.model_dump(mode="json", include=DECIDING_SECTIONS)
    rule = experiment.classify.model_dump(mode="json")
    members = sorted([run.run_id for run in grid.runs] + result.measurement_ids)
    experiment_id = identify("experiment", members, ())
    classified = {"experiment": experiment_id, "classify": rule}
    kinds = {record.kind for record in result.data.values()}
    units = [c.unit for cell in result.cells for pair in cell.pairs for c in pair.connectivity]
    return {
        "experiment_id": experiment_id,
        "classification_id": identify("classification", classified, ("phases",)),
        "dataset": ", ".join(dict.fromkeys(c.landscape.data.dataset.name for c in grid.cells)),
        "model": ", ".join(dict.fromkeys(c.landscape.model.name for c in grid.cells)),
        "kind": ", ".join(sorted(kinds)),
        "connectivity_unit": units[0] if units else None,
        "n_cells": len(grid.cells),
        "n_runs": len(grid.runs),
        "axes": json.dumps([{"path": axis.path, "values": axis.values} for axis in grid.axes]),
        "variants": json.dumps(grid.variants),
        "spec": json.dumps(spec),
        "classify": json.dumps(rule),
    }


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
                "frequency_loss": data.frequency_loss,
                "n_parameters": n_parameters[landscape.landscape_id],
            }
        )
    return rows
