"""The runs of each cell and their pairs, placed on a circle."""

from __future__ import annotations

import math

import polars as pl

from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.lines import fit_words
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.data.numbers import rounded
from landscape_catalog.schema.tables import Row

FIGURES = 4
RUN_NUMBERS = ("train_loss", "train_error", "test_loss", "test_accuracy", "test_error")


def runs(tables: Tables, data: ReportData) -> list[Row]:
    """One row per run: its place on a circle, its id, status and numbers."""
    index = {row["cell_id"]: row["i"] for row in data.cells}
    hessians = tables["hessians"].filter(pl.col("layer") == "").unique("run_id", keep="first")
    whole = hessians.select("run_id", "top_eigenvalue", "trace")
    joined = tables["runs"].join(whole, on="run_id", how="left").sort("cell_id", "seed")
    rows: list[Row] = []
    for (cell_id,), group in joined.group_by("cell_id", maintain_order=True):
        angles = [2 * math.pi * k / group.height for k in range(group.height)]
        for angle, run in zip(angles, group.iter_rows(named=True), strict=True):
            rows.append(
                {
                    "i": index[str(cell_id)],
                    "x": round(math.sin(angle), 3),
                    "y": round(math.cos(angle), 3),
                    "seed": run["seed"],
                    "run_id": run["run_id"],
                    "status": run["status_reason"] or run["status"],
                    "nc": run["status"] == "NC",
                    "n_epochs": run["n_epochs"],
                    **{name: rounded(run[name], FIGURES) for name in RUN_NUMBERS},
                    "top_eigenvalue": rounded(run["top_eigenvalue"], FIGURES),
                    "trace": rounded(run["trace"], FIGURES),
                }
            )
    return rows


def pairs(tables: Tables, placed: list[Row], data: ReportData) -> list[Row]:
    """One row per pair: where its runs are, and how they compare.

    Args:
        tables: the catalog.
        placed: the rows of `runs`.
        data: the cells.
    """
    at = {(row["i"], row["run_id"]): row for row in placed}
    index = {row["cell_id"]: row["i"] for row in data.cells}
    first = tables["curves"].filter(pl.col("probe") == PRIMARY, pl.col("fit") == 0)
    key = ["cell_id", "run_id", "other_run_id"]
    fits = first.select(*key, "converged", pl.col("fit_length").alias("length"), "length_unit")
    joined = tables["pairs"].join(
        fits.rename({"length_unit": "unit_of_length"}), on=key, how="left"
    )
    rows: list[Row] = []
    for pair in joined.sort("cell_id", "seed", "other_seed").iter_rows(named=True):
        i = index[pair["cell_id"]]
        one, other = at[i, pair["run_id"]], at[i, pair["other_run_id"]]
        fit = {
            "fit_length": pair["length"],
            "length_unit": pair["unit_of_length"],
            "converged": pair["converged"],
        }
        rows.append(
            {
                "i": i,
                "pair": f"{pair['seed']} and {pair['other_seed']}",
                **{"x": one["x"], "y": one["y"], "x2": other["x"], "y2": other["y"]},
                "mc": rounded(pair["mode_connectivity"], FIGURES),
                "cka": rounded(pair["cka"], FIGURES),
                "l2": rounded(pair["l2_distance"], FIGURES),
                "line": rounded(pair["line_barrier"], FIGURES),
                "fit": fit_words(fit) if pair["mode_connectivity"] is not None else "no curve",
                "doubt": pair["converged"] is False,
            }
        )
    return rows
