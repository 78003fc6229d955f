"""Rows about runs and pairs of runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from landscape_catalog.catalog.estimates import error_of_mean
from landscape_catalog.catalog.results import CellResult, PairResult, RunResult
from landscape_catalog.store.measured import CurvePointValues, LossMeasurement

Row = dict[str, Any]
LINE = "line"  # in the place of a probe's name


def run_row(result: RunResult) -> Row:
    """A run with loss and error of its primary snapshot."""
    record = result.record
    return {
        "run_id": record.run_id,
        "cell_id": record.cell_id,
        "seed": record.seed,
        "status": "converged" if result.nc_reason is None else "NC",
        "status_reason": result.nc_reason,
        "n_epochs": record.n_epochs,
        "stop_reason": record.stop_reason,
        "best_epoch": record.best_epoch,
        **_losses(result.loss),
        **record.provenance.model_dump(),
    }


def snapshot_rows(result: RunResult) -> list[Row]:
    """Every snapshot of a run that is measured."""
    record = result.record
    epochs: dict[str, int] = {"best_train_loss": record.best_epoch}
    epochs.update({str(name): epoch for name, epoch in record.other_snapshots.items()})
    return [
        {
            "run_id": record.run_id,
            "snapshot": snapshot,
            "is_primary": i == 0,
            "epoch": epochs[snapshot],
            **_losses(loss),
        }
        for i, (snapshot, loss) in enumerate(result.losses.items())
    ]


def _losses(loss: LossMeasurement) -> Row:
    row: Row = {}
    for side, values in (("train", loss.train), ("test", loss.test)):
        row |= {
            f"{side}_loss": values.loss,
            f"{side}_loss_sd": values.loss_sd,
            f"{side}_accuracy": values.accuracy,
            f"{side}_error": values.error_value,
            f"n_{side}": values.n,
        }
    return row


def epoch_rows(result: RunResult) -> Iterator[Row]:
    """The history of a run."""
    history = result.history
    tested = history.get("test_error")
    for i, (loss, error) in enumerate(zip(history["train_loss"], history["train_error"])):
        yield {
            "run_id": result.run.run_id,
            "epoch": i + 1,
            "train_loss": float(loss),
            "train_error": float(error),
            "test_error": None if tested is None else float(tested[i]),
        }


def _pair_key(cell: CellResult, pair: PairResult) -> Row:
    return {
        "cell_id": cell.cell.cell_id,
        "run_id": pair.run.run_id,
        "other_run_id": pair.other.run_id,
    }


def pair_row(cell: CellResult, pair: PairResult) -> Row:
    """A pair with what the primary probes measured between its runs."""
    row = _pair_key(cell, pair) | {
        "seed": pair.run.seed,
        "other_seed": pair.other.seed,
        "cka": pair.similarity.cka,
        "cka_standard_error": pair.similarity.standard_error,
        "cka_debiased": pair.similarity.debiased,
        "cka_debiased_standard_error": pair.similarity.debiased_standard_error,
        "cka_n": pair.similarity.n,
        "cka_reason": pair.similarity.reason,
        "disagreement": pair.similarity.disagreement,
        "l2_distance": pair.distance.l2,
        "relative_distance": pair.distance.relative,
        "norm": pair.distance.norm,
        "other_norm": pair.distance.other_norm,
    }
    if pair.barrier is not None:
        row |= {"line_barrier": pair.barrier.barrier, "line_t": pair.barrier.t}
    curves = pair.connectivity
    if curves:
        mcs = [curve.mode_connectivity for curve in curves]
        row |= {
            "mode_connectivity": statistics.fmean(mcs),
            "mode_connectivity_error": error_of_mean(mcs),
            "fits": len(mcs),
            "connectivity_unit": curves[0].unit,
        }
        keys = ("t", "lowest", "highest", "peak_error", "area")
        row |= {key: getattr(curves[0], key) for key in keys}
    return row


def similarity_rows(cell: CellResult, pair: PairResult) -> list[Row]:
    """What every probe of similarity measured between the runs of a pair."""
    return [
        _pair_key(cell, pair) | {"probe": name, **found.model_dump(exclude={"metric"})}
        for name, found in pair.similarities.items()
    ]


def curve_rows(cell: CellResult, pair: PairResult) -> list[Row]:
    """Every curve between the runs of a pair."""
    return [
        _pair_key(cell, pair)
        | {"probe": name, "fit": fit}
        | curve.model_dump(exclude={"metric", "points"})
        for name, curves in pair.curves.items()
        for fit, curve in enumerate(curves)
    ]


def point_rows(cell: CellResult, pair: PairResult) -> list[Row]:
    """Every point of every curve, and of the straight line, between the runs of a pair."""
    paths: list[tuple[str, int, list[CurvePointValues]]] = [
        (name, fit, curve.points)
        for name, curves in pair.curves.items()
        for fit, curve in enumerate(curves)
    ]
    if pair.barrier is not None:
        paths.append((LINE, 0, pair.barrier.points))
    return [
        _pair_key(cell, pair) | {"probe": probe, "fit": fit, "t": point.t, **_point(point)}
        for probe, fit, points in paths
        for point in points
    ]


def _point(point: CurvePointValues) -> Row:
    row: Row = {}
    for side, values in (("train", point.train), ("test", point.test)):
        row |= {
            f"{side}_error": values.error_value,
            f"{side}_loss": values.loss,
            f"n_{side}": values.n,
        }
    return row


def hessian_rows(result: RunResult) -> list[Row]:
    """The whole Hessian of a run, and each layer's block where they are measured."""
    if result.hessian is None:
        return []
    layers = {} if result.layers is None else result.layers.layers
    return [
        {
            "run_id": result.run.run_id,
            "layer": layer,
            "trace_standard_error": h.trace_standard_error,
            **h.model_dump(exclude={"metric"}),
        }
        for layer, h in {"": result.hessian, **layers}.items()
    ]


def density_rows(result: RunResult) -> list[Row]:
    """The density of a run's Hessian eigenvalues, where it is measured."""
    if result.density is None:
        return []
    found = result.density
    columns = zip(found.eigenvalues, found.density, found.standard_error)
    return [
        {"run_id": result.run.run_id, "eigenvalue": x, "density": y, "standard_error": error}
        for x, y, error in columns
    ]
