"""Summary numbers of an experiment for `dvc metrics` and `dvc plots`."""

from __future__ import annotations

from typing import Any

import polars as pl

from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.metrics.estimate import INFINITY, NAN
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import SURE

SUMMARISED = ("experiments", "cells", "cell_metrics", "runs", "phases")
"""The tables that the summary is made from."""
MEDIANS = (
    "train_loss",
    "top_eigenvalue",
    "trace",
    "mode_connectivity",
    "cka",
    "l2_distance",
)


def summary_metrics(tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """A small tree of numbers for `dvc metrics diff` and `dvc exp show`.

    It holds the number of cells per phase, of sure labels and of those whose probability is
    unknown, the best cell by the task's performance metric (test
    accuracy for classification) with its phase and parameters, the median over cells of the
    metrics in `MEDIANS` (null if no cell has one), and the number of runs, of those that have not
    converged, and of those with a NaN or an infinity among their losses and errors.
    """
    phases = tables["phases"]
    rule = rule_in_effect(tables["experiments"].row(0, named=True))
    means = _means(tables)
    cells = tables["cells"].join(phases, on="cell_id").join(means, on="cell_id")
    metric = tables["experiments"]["performance_metric"][0]
    descending = QUANTITIES[metric].better == "higher"
    best = cells.sort(metric, "position", descending=[descending, False], nulls_last=True).row(
        0, named=True
    )
    return {
        "phases": {
            phase.name: phases.filter(pl.col("phase") == phase.name).height for phase in rule.phases
        },
        "labels": {
            "sure": phases.filter(pl.col("phase_probability") >= SURE).height,
            "unknown": phases["phase_probability"].null_count(),
        },
        "best": {
            name: _rounded(best[name])
            for name in (metric, "phase", "width", "batch_size", "samples")
        },
        "median": {name: _rounded(means[name].median()) for name in MEDIANS},
        "runs": {
            "trained": tables["runs"].height,
            "not_converged": tables["runs"].filter(pl.col("status") == "NC").height,
            **_not_finite(tables["runs"]),
        },
    }


def _not_finite(runs: pl.DataFrame) -> dict[str, int]:
    """How many runs have a loss or error that is NaN, and one that is infinite."""
    words = {"with_nan": NAN, "with_infinity": INFINITY}
    named = runs["not_finite"].str
    return {name: int(named.contains(word, literal=True).sum()) for name, word in words.items()}


def _means(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """One row per cell: the mean of every metric, measured by its primary probe."""
    primary = tables["cell_metrics"].filter(pl.col("probe") == PRIMARY)
    return primary.pivot(on="metric", index="cell_id", values="mean")


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def plot_data(
    tables: dict[str, pl.DataFrame], epochs: pl.LazyFrame, curve_points: pl.LazyFrame
) -> dict[str, pl.DataFrame]:
    """Data frames for `dvc plots`, which draws one line per revision.

    They hold the median training loss over runs per epoch, the mean training error over curves
    per t, and one point per cell.

    Args:
        tables: at least those of `SUMMARISED`.
        epochs: the table of that name.
        curve_points: the table of that name.
    """
    training = epochs.group_by("epoch").agg(pl.col("train_loss").median()).collect()
    # In memory, as the sum of a file that is read in parts depends on how it was divided.
    primary = curve_points.filter(pl.col("probe") == PRIMARY).select("t", "train_error").collect()
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
