"""The few numbers of an experiment that DVC compares and plots."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import rule_of

MEDIANS = (
    "train_loss",
    "top_eigenvalue",
    "trace",
    "mode_connectivity",
    "cka",
    "l2_distance",
)


def summary_metrics(tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """A small tree for `dvc metrics diff` and `dvc exp show`.

    Cells per phase, the best test accuracy (or whatever the task is judged by) with the phase and
    place of its cell, and the median over cells of every metric.
    """
    phases = tables["phases"]
    rule = rule_of(json.loads(tables["experiments"]["classify"][0]))
    means = _means(tables)
    cells = tables["cells"].join(phases, on="cell_id").join(means, on="cell_id")
    judge = tables["experiments"]["judge"][0]
    falling = QUANTITIES[judge].better == "higher"
    best = cells.sort(judge, "position", descending=[falling, False], nulls_last=True).row(
        0, named=True
    )
    return {
        "phases": {
            phase.name: phases.filter(pl.col("phase") == phase.name).height for phase in rule.phases
        },
        "best": {
            name: _rounded(best[name])
            for name in (judge, "phase", "width", "batch_size", "samples")
        },
        "median": {name: _rounded(means[name].median()) for name in MEDIANS},
        "runs": {
            "trained": tables["runs"].height,
            "not_converged": tables["runs"].filter(pl.col("status") == "NC").height,
        },
    }


def _means(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """A row a cell: the mean of every metric by its primary probe."""
    primary = tables["cell_metrics"].filter(pl.col("probe") == PRIMARY)
    return primary.pivot(on="metric", index="cell_id", values="mean")


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def plot_data(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Frames for `dvc plots`, which draws one line a revision.

    The median training loss over runs by epoch, the mean training error over curves by t, and a
    point for each cell.
    """
    training = tables["epochs"].group_by("epoch").agg(pl.col("train_loss").median())
    primary = tables["curve_points"].filter(pl.col("probe") == PRIMARY)
    curves = primary.group_by("t").agg(pl.col("train_error").mean())
    means = _means(tables)
    points = (
        tables["cells"]
        .join(means, on="cell_id")
        .join(tables["phases"], on="cell_id")
        .sort("position")
        .select("width", "batch_size", "phase", "mode_connectivity", "cka", "test_accuracy")
    )
    return {"training": training.sort("epoch"), "connectivity": curves.sort("t"), "cells": points}
