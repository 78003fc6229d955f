"""Rows about cells: their place in the grid, their metrics, their phase."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from landscape_catalog.catalog.results import CellResult, ExperimentResult, PairResult
from landscape_catalog.phases import CellMeasures, classify, doubtful_flat
from landscape_catalog.schemas.measure import PRIMARY
from landscape_catalog.schemas.records import ConnectivityMeasurement, LossMeasurement

Row = dict[str, Any]
Values = dict[str, list[float]]


def cell_row(position: int, result: CellResult) -> Row:
    """A cell's place in the grid."""
    cell = result.cell
    points = {
        name: value for name, value in (cell.load | cell.temperature).items() if name != "extra"
    }
    extra = {path: value for path, value in cell.values.items() if ".extra." in path}
    return {
        "cell_id": cell.cell_id,
        "landscape_id": cell.landscape.landscape_id,
        "position": position,
        "variant": cell.variant,
        **points,
        "lr_in_effect": cell.lr,
        "extra": json.dumps(extra, sort_keys=True),
        "n_runs": len(result.runs),
        "n_converged": len(result.converged),
    }


def metric_values(result: CellResult) -> Values:
    """The values of each metric, by the primary probes, over the converged runs or their pairs."""
    runs, pairs = result.converged, result.pairs
    hessians = [run.hessian for run in runs if run.hessian is not None]
    return {
        **_loss_values([run.loss for run in runs]),
        "top_eigenvalue": [hessian.top_eigenvalue for hessian in hessians],
        "trace": [hessian.trace for hessian in hessians],
        **_curve_values([p.connectivity for p in pairs if p.connectivity is not None]),
        "cka": [pair.similarity.cka for pair in pairs],
        "l2_distance": [pair.distance.l2 for pair in pairs],
        "norm": _norms(pairs),
        "n_epochs": [float(run.record.n_epochs) for run in runs],
    }


def _loss_values(losses: list[LossMeasurement]) -> Values:
    return {
        "train_loss": [loss.train.loss for loss in losses],
        "train_accuracy": [loss.train.accuracy for loss in losses],
        "train_error": [loss.train.error_value for loss in losses],
        "test_loss": [loss.test.loss for loss in losses],
        "test_accuracy": [loss.test.accuracy for loss in losses],
        "test_error": [loss.test.error_value for loss in losses],
    }


def _curve_values(curves: list[ConnectivityMeasurement]) -> Values:
    return {
        "mode_connectivity": [curve.mode_connectivity for curve in curves],
        "connectivity_lowest": [curve.lowest for curve in curves],
        "connectivity_highest": [curve.highest for curve in curves],
        "peak_error": [curve.peak_error for curve in curves],
    }


def _norms(pairs: list[PairResult]) -> list[float]:
    """The weight norm of each run that is in some pair, once."""
    norms = {}
    for pair in pairs:
        norms[pair.run.run_id] = pair.distance.norm
        norms[pair.other.run_id] = pair.distance.other_norm
    return list(norms.values())


METRIC_SOURCES = {
    "top_eigenvalue": "hessian",
    "trace": "hessian",
    "mode_connectivity": "connectivity",
    "connectivity_lowest": "connectivity",
    "connectivity_highest": "connectivity",
    "peak_error": "connectivity",
    "cka": "similarity",
}


def metric_rows(cell: CellResult, result: ExperimentResult) -> Iterator[Row]:
    """Mean, spread and count of every metric of a cell, by every probe and snapshot."""
    yield from _rows(metric_values(cell), PRIMARY, result)
    for probe in result.probes:
        if probe.name == PRIMARY:
            continue
        if probe.metric == "similarity":
            values = {"cka": [pair.similarities[probe.name].cka for pair in cell.pairs]}
        else:
            curves = [p.curves[probe.name] for p in cell.pairs if probe.name in p.curves]
            values = _curve_values(curves)
        yield from _rows(values, probe.name, result)
    for snapshot in result.experiment.measure.snapshots[1:]:
        losses = [run.losses[snapshot] for run in cell.converged]
        yield from _rows(_loss_values(losses), snapshot, result)


def _rows(values: Mapping[str, list[float]], probe: str, result: ExperimentResult) -> Iterator[Row]:
    for metric, every in values.items():
        known = [value for value in every if not math.isnan(value)]
        yield {
            "metric": metric,
            "probe": probe,
            "method": result.method(METRIC_SOURCES.get(metric, ""), probe),
            "mean": statistics.fmean(known) if known else None,
            "sd": statistics.stdev(known) if _has_spread(known) else None,
            "n": len(known),
            "source": "measured",
        }


def _has_spread(values: list[float]) -> bool:
    return len(values) > 1 and all(math.isfinite(value) for value in values)


def phase_rows(result: ExperimentResult, keys: Row) -> list[Row]:
    """The phase of every cell, and why."""
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
    values = metric_values(result)

    def mean(metric: str) -> float:
        known = [value for value in values[metric] if not math.isnan(value)]
        return statistics.fmean(known) if known else math.nan

    return CellMeasures(
        n_runs=len(result.runs),
        n_converged=len(result.converged),
        train_loss=mean("train_loss"),
        hessian=mean(hessian_metric),
        mode_connectivity=mean("mode_connectivity"),
        pair_connectivity=values["mode_connectivity"],
        pair_lowest=values["connectivity_lowest"],
        pair_highest=values["connectivity_highest"],
        cka=mean("cka"),
    )
