"""The few numbers of an experiment that DVC compares and plots."""

from __future__ import annotations

from typing import Any

import polars as pl

from landscape_catalog.phases import PHASES

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

    Cells per phase, the best test accuracy with the phase and place of its cell, and the median
    over cells of every metric.
    """
    phases = tables["phases"]
    means = tables["cell_metrics"].pivot(on="metric", index="cell_id", values="mean")
    cells = tables["cells"].join(phases, on="cell_id").join(means, on="cell_id")
    best = cells.sort("test_accuracy", "position", descending=[True, False], nulls_last=True).row(
        0, named=True
    )
    return {
        "phases": {phase: phases.filter(pl.col("phase") == phase).height for phase in PHASES},
        "best": {
            name: best[name]
            for name in ("test_accuracy", "phase", "width", "batch_size", "samples")
        },
        "median": {name: _rounded(means[name].median()) for name in MEDIANS},
        "runs": {
            "trained": tables["runs"].height,
            "not_converged": tables["runs"].filter(pl.col("status") == "NC").height,
        },
    }


def _rounded(value: Any) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def plot_data(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Frames for `dvc plots`: training curves, connectivity curves, and cells."""
    cells = tables["cells"].select("cell_id", "width", "batch_size", "lr", "label_noise", "samples")
    named = cells.with_columns(
        cell=pl.format(
            "k={} B={} lr={} noise={} n={}", "width", "batch_size", "lr", "label_noise", "samples"
        )
    ).select("cell_id", "cell")
    runs = tables["runs"].select("run_id", "cell_id", "seed").join(named, on="cell_id")
    training = (
        tables["epochs"].join(runs, on="run_id").select("cell", "seed", "epoch", "train_loss")
    )
    curves = tables["curve_points"].join(named, on="cell_id").select("cell", "t", "train_error")
    means = tables["cell_metrics"].pivot(on="metric", index="cell_id", values="mean")
    points = (
        named.join(means, on="cell_id")
        .join(tables["phases"].select("cell_id", "phase"), on="cell_id")
        .select("cell", "phase", "mode_connectivity", "cka", "train_loss", "test_accuracy")
    )
    return {
        "training": training.sort("cell", "seed", "epoch"),
        "connectivity": curves.sort("cell", "t"),
        "cells": points.sort("cell"),
    }
