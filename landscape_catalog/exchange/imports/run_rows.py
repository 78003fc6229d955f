"""Rows about the runs and pairs of a published cell."""

from __future__ import annotations

import math
from collections.abc import Mapping

from landscape_catalog.exchange.imports.cell_rows import missing_reason
from landscape_catalog.exchange.imports.grid import PublishedGrid
from landscape_catalog.exchange.imports.published import Observation, PublishedCell
from landscape_catalog.schema.tables import Row


def add_run_rows(
    rows: Mapping[str, list[Row]],
    grid: PublishedGrid,
    cell: PublishedCell,
    cell_id: str,
    run_ids: Mapping[int, str],
) -> None:
    """Add a cell's runs, pairs and their numbers to the rows of each table.

    Numbers of runs that have not converged are kept, with the reason why no mean counts them.

    Args:
        rows: of each table, to which they are added.
        grid: the source.
        cell: one of its cells.
        cell_id: of the cell.
        run_ids: of its runs, by seed.
    """
    failed = {run.seed: run.nc_reason for run in cell.runs if run.nc_reason is not None}
    for run in cell.runs:
        key = {"run_id": run_ids[run.seed], "cell_id": cell_id, "seed": run.seed}
        status = "NC" if run.nc_reason is not None else "converged" if run.judged else None
        reason = run.nc_reason if run.judged else "its training loss was not published"
        rows["runs"].append(key | run.columns | {"status": status, "status_reason": reason})
        rows["epochs"] += [{"run_id": key["run_id"]} | row for row in run.epochs]
        if run.hessian:
            whole = {"run_id": key["run_id"], "layer": "", "batch": 0}
            rows["hessians"].append(whole | run.hessian)
    for pair_row in cell.pair_rows:
        first, second = pair_row.seeds
        key = {"cell_id": cell_id, "run_id": run_ids[first], "other_run_id": run_ids[second]}
        seeds = {"seed": first, "other_seed": second} if pair_row.table == "pairs" else {}
        rows[pair_row.table].append(key | seeds | pair_row.columns)
    metrics = {metric.key: metric for metric in grid.metrics}
    for one in cell.observations:
        metric = metrics[one.metric, one.probe]
        rows["estimates"].append(
            {
                "cell_id": cell_id,
                "run_id": run_ids[one.seeds[0]],
                "other_run_id": run_ids[one.seeds[1]] if len(one.seeds) > 1 else "",
                "metric": one.metric,
                "probe": one.probe,
                "value": one.value,
                "error": one.error,
                "error_kind": one.error_kind,
                "n": one.n,
                "n_unit": None if one.n is None else metric.n_unit,
                "method": metric.method,
                "status": "ok" if math.isfinite(one.value) else "missing",
                "reason": _reason(one, failed),
                "unit": metric.unit,
            }
        )


def _reason(one: Observation, failed: Mapping[int, str | None]) -> str | None:
    """Why a number is missing, or is not counted in the cell's mean."""
    left_out = [
        f"not counted, since the run with seed {seed} has not converged: {failed[seed]}"
        for seed in one.seeds
        if seed in failed
    ]
    return "; ".join(filter(None, (missing_reason(one), *left_out))) or None
