"""From an experiment's results to the catalog's tables."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from typing import Any

import polars as pl

from landscape_catalog.catalog.ddl import PRIMARY_PROBE
from landscape_catalog.catalog.results import CellResult, ExperimentResult, PairResult, RunResult
from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.phases import CellMeasures, classify, doubtful_flat
from landscape_catalog.schemas.identity import identify
from landscape_catalog.schemas.records import LossValues

Row = dict[str, Any]
DECIDING_SECTIONS = {"dataset", "model", "load", "temperature", "train", "measure"}


def build_tables(result: ExperimentResult) -> dict[str, pl.DataFrame]:
    """Every table of the catalog, ordered, in the schema of `TABLES`.

    A cell's metrics are over its converged runs and their pairs.
    """
    experiment = _experiment_row(result)
    keys = {"experiment_id": experiment["experiment_id"]}
    runs = [run for cell in result.cells for run in cell.runs]
    pairs = [(cell, pair) for cell in result.cells for pair in cell.pairs]
    rows: dict[str, list[Row]] = {
        "experiments": [experiment],
        "landscapes": _landscape_rows(result),
        "cells": [keys | _cell_row(i, cell) for i, cell in enumerate(result.cells)],
        "cell_metrics": [
            keys | {"cell_id": cell.cell.cell_id} | row
            for cell in result.cells
            for row in _metric_rows(cell, result.methods)
        ],
        "runs": [_run_row(run) for run in runs],
        "epochs": [row for run in runs for row in _epoch_rows(run)],
        "hessians": [
            {"run_id": run.run.run_id, **run.hessian.model_dump(exclude={"metric"})}
            for run in runs
            if run.hessian is not None
        ],
        "pairs": [_pair_row(cell, pair) for cell, pair in pairs],
        "curve_points": [row for cell, pair in pairs for row in _point_rows(cell, pair)],
        "phases": _phase_rows(
            result, keys | {"classification_id": experiment["classification_id"]}
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
    return {
        "experiment_id": experiment_id,
        "classification_id": identify("classification", classified, ("phases",)),
        "dataset": experiment.dataset.name,
        "model": experiment.model.name,
        "n_cells": len(grid.cells),
        "n_runs": len(grid.runs),
        "axes": json.dumps([{"path": axis.path, "values": axis.values} for axis in grid.axes]),
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
        rows.append(
            {
                "landscape_id": landscape.landscape_id,
                "data_id": data.data_id,
                "content_hash": data.content_hash,
                "dataset": landscape.data.dataset.name,
                "model": landscape.model["name"],
                "width": landscape.model["width"],
                "samples": landscape.data.samples,
                "label_noise": landscape.data.label_noise,
                "pixel_noise": landscape.data.pixel_noise,
                "n_test": data.n_test,
                "n_classes": data.n_classes,
                "n_changed_labels": data.n_changed_labels,
                "frequency_loss": data.frequency_loss,
                "n_parameters": n_parameters[landscape.landscape_id],
            }
        )
    return rows


def _cell_row(position: int, result: CellResult) -> Row:
    cell = result.cell
    return {
        "cell_id": cell.cell_id,
        "landscape_id": cell.landscape.landscape_id,
        "position": position,
        **cell.load,
        **cell.temperature,
        "n_runs": len(result.runs),
        "n_converged": len(_converged(result)),
    }


def _converged(result: CellResult) -> list[RunResult]:
    return [run for run in result.runs if run.nc_reason is None]


def _metric_values(result: CellResult) -> dict[str, list[float]]:
    """The values of each metric over the converged runs or their pairs."""
    runs, pairs = _converged(result), result.pairs
    curves = [pair.connectivity for pair in pairs if pair.connectivity is not None]
    hessians = [run.hessian for run in runs if run.hessian is not None]
    return {
        "train_loss": [run.loss.train.loss for run in runs],
        "train_accuracy": [_accuracy(run.loss.train) for run in runs],
        "test_loss": [run.loss.test.loss for run in runs],
        "test_accuracy": [_accuracy(run.loss.test) for run in runs],
        "top_eigenvalue": [hessian.top_eigenvalue for hessian in hessians],
        "trace": [hessian.trace for hessian in hessians],
        "mode_connectivity": [curve.mode_connectivity for curve in curves],
        "connectivity_lowest": [curve.lowest for curve in curves],
        "connectivity_highest": [curve.highest for curve in curves],
        "peak_error": [curve.peak_error for curve in curves],
        "cka": [pair.similarity.cka for pair in pairs],
        "l2_distance": [pair.distance.l2 for pair in pairs],
        "norm": _norms(pairs),
        "n_epochs": [float(run.record.n_epochs) for run in runs],
    }


def _norms(pairs: list[PairResult]) -> list[float]:
    """The weight norm of each run that is in some pair, once."""
    norms = {}
    for pair in pairs:
        norms[pair.run.run_id] = pair.distance.norm
        norms[pair.other.run_id] = pair.distance.other_norm
    return list(norms.values())


def _accuracy(values: LossValues) -> float:
    return 100 * (values.n - values.n_wrong) / values.n


METRIC_SOURCES = {
    "top_eigenvalue": "hessian",
    "trace": "hessian",
    "mode_connectivity": "connectivity",
    "connectivity_lowest": "connectivity",
    "connectivity_highest": "connectivity",
    "peak_error": "connectivity",
    "cka": "similarity",
}


def _metric_rows(result: CellResult, methods: dict[str, str]) -> Iterable[Row]:
    for metric, values in _metric_values(result).items():
        known = [value for value in values if not math.isnan(value)]
        yield {
            "metric": metric,
            "probe": PRIMARY_PROBE,
            "method": methods.get(METRIC_SOURCES.get(metric, ""), "direct"),
            "mean": statistics.fmean(known) if known else None,
            "sd": statistics.stdev(known) if _has_spread(known) else None,
            "n": len(known),
            "source": "measured",
        }


def _has_spread(values: list[float]) -> bool:
    return len(values) > 1 and all(math.isfinite(value) for value in values)


def _run_row(result: RunResult) -> Row:
    record, loss = result.record, result.loss
    return {
        "run_id": record.run_id,
        "cell_id": record.cell_id,
        "seed": record.seed,
        "status": "converged" if result.nc_reason is None else "NC",
        "status_reason": result.nc_reason,
        "n_epochs": record.n_epochs,
        "stop_reason": record.stop_reason,
        "best_epoch": record.best_epoch,
        "train_loss": loss.train.loss,
        "train_loss_sd": loss.train.loss_sd,
        "train_accuracy": _accuracy(loss.train),
        "n_train": loss.train.n,
        "test_loss": loss.test.loss,
        "test_loss_sd": loss.test.loss_sd,
        "test_accuracy": _accuracy(loss.test),
        "n_test": loss.test.n,
        **record.provenance.model_dump(),
    }


def _epoch_rows(result: RunResult) -> Iterable[Row]:
    history = result.history
    for i, (loss, error) in enumerate(zip(history["train_loss"], history["train_error"])):
        yield {
            "run_id": result.run.run_id,
            "epoch": i + 1,
            "train_loss": float(loss),
            "train_error": float(error),
        }


def _pair_key(cell: CellResult, pair: PairResult) -> Row:
    return {
        "cell_id": cell.cell.cell_id,
        "run_id": pair.run.run_id,
        "other_run_id": pair.other.run_id,
    }


def _pair_row(cell: CellResult, pair: PairResult) -> Row:
    row = _pair_key(cell, pair) | {
        "seed": pair.run.seed,
        "other_seed": pair.other.seed,
        "cka": pair.similarity.cka,
        "cka_standard_error": pair.similarity.standard_error,
        "cka_n": pair.similarity.n,
        "cka_reason": pair.similarity.reason,
        "l2_distance": pair.distance.l2,
        "norm": pair.distance.norm,
        "other_norm": pair.distance.other_norm,
    }
    curve = pair.connectivity
    if curve is not None:
        row |= {
            "mode_connectivity": curve.mode_connectivity,
            "connectivity_unit": curve.unit,
            "t": curve.t,
            "lowest": curve.lowest,
            "highest": curve.highest,
            "peak_error": curve.peak_error,
        }
    return row


def _point_rows(cell: CellResult, pair: PairResult) -> Iterable[Row]:
    for point in pair.connectivity.points if pair.connectivity is not None else []:
        yield _pair_key(cell, pair) | {
            "t": point.t,
            "train_error": 100 * point.train.n_wrong / point.train.n,
            "train_loss": point.train.loss,
            "n_train": point.train.n,
            "test_error": 100 * point.test.n_wrong / point.test.n,
            "test_loss": point.test.loss,
            "n_test": point.test.n,
        }


def _phase_rows(result: ExperimentResult, keys: Row) -> list[Row]:
    rule = result.experiment.classify
    measures = [_measures(cell, rule.hessian.metric) for cell in result.cells]
    verdicts = [classify(cell, rule) for cell in measures]
    doubtful = doubtful_flat(
        [verdict.phase for verdict in verdicts], [cell.train_loss for cell in measures]
    )
    return [
        keys | {"cell_id": cell.cell.cell_id, **vars(verdict), "doubtful": doubt}
        for cell, verdict, doubt in zip(result.cells, verdicts, doubtful)
    ]


def _measures(result: CellResult, hessian_metric: str) -> CellMeasures:
    values = _metric_values(result)

    def mean(metric: str) -> float:
        known = [value for value in values[metric] if not math.isnan(value)]
        return statistics.fmean(known) if known else math.nan

    return CellMeasures(
        n_runs=len(result.runs),
        n_converged=len(_converged(result)),
        train_loss=mean("train_loss"),
        hessian=mean(hessian_metric),
        mode_connectivity=mean("mode_connectivity"),
        pair_connectivity=values["mode_connectivity"],
        pair_lowest=values["connectivity_lowest"],
        pair_highest=values["connectivity_highest"],
        cka=mean("cka"),
    )
