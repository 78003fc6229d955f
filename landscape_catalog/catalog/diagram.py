"""The phase diagram of one experiment, from the tables of its catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from landscape_catalog.catalog.cell_parameters import CellParameters, constant_rates
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.schema.parameters import KNOWN

READ = ("experiments", "cells", "cell_metrics", "phases")
"""The tables that a diagram needs."""


def diagram_of(tables: Mapping[str, pl.DataFrame]) -> Diagram:
    """The cells of an experiment with their coordinates, metrics and phases.

    Metrics are those of the primary probe. Without a table `phases`, the phases are empty.

    Args:
        tables: of one experiment; at least `experiments`, `cells` and `cell_metrics`.
    """
    experiment = tables["experiments"].row(0, named=True)
    cells = tables["cells"].sort("position")
    cell_ids = cells["cell_id"].to_list()
    parameters = CellParameters(cells)
    varying = [axis["path"] for axis in json.loads(experiment["axes"])]
    varying.sort(key=lambda path: path.startswith("temperature."))
    values = {path: parameters.values(path) for path in varying}
    axes = tuple(DiagramAxis.of(path, values[path]) for path in varying)
    places = [[axis.values.index(v) for v in values[axis.path]] for axis in axes]
    variants = tuple(json.loads(experiment["variants"]))
    performance = experiment["performance_metric"]
    quantity = QUANTITIES.get(performance)
    n_runs = cells["n_runs"].fill_null(0).to_numpy()
    rates, momenta = constant_rates(experiment, cells)
    return Diagram(
        axes=axes,
        variants=variants,
        cell_ids=tuple(cell_ids),
        places=np.array(places, dtype=int).reshape(len(axes), len(cell_ids)).T,
        variant=np.array([variants.index(name) for name in cells["variant"]], dtype=int),
        n_runs=n_runs,
        n_converged=cells["n_converged"].fill_null(cells["n_runs"]).fill_null(0).to_numpy(),
        **_metrics(tables["cell_metrics"], cell_ids),
        performance=performance,
        higher_is_better=quantity is None or quantity.better != "lower",
        phases=_phases(tables, cell_ids),
        fixed=_fixed(parameters, varying),
        units=_units(tables["cell_metrics"]),
        rates=rates,
        momenta=momenta,
    )


def _fixed(parameters: CellParameters, varying: list[str]) -> dict[str, Any]:
    """The parameters that have the same value in every cell."""
    found = {}
    for path in dict.fromkeys((*KNOWN, *parameters.extra_paths)):
        values = set(parameters.values(path))
        if path not in varying and len(values) == 1 and None not in values:
            found[path] = values.pop()
    return found


def _metrics(cell_metrics: pl.DataFrame, cell_ids: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """Arrays of the means and their errors, by metric."""
    places = {cell_id: i for i, cell_id in enumerate(cell_ids)}
    columns = {
        "mean": "means",
        "sd": "sds",
        "n": "counts",
        "standard_error": "standard_errors",
        "measurement_error": "measurement_errors",
    }
    found: dict[str, dict[str, np.ndarray]] = {name: {} for name in columns.values()}
    primary = cell_metrics.filter(pl.col("probe") == PRIMARY)
    for (metric,), rows in primary.group_by("metric", maintain_order=True):
        where = [places[cell_id] for cell_id in rows["cell_id"]]
        for column, name in columns.items():
            blank = 0 if column == "n" else np.nan
            array = np.full(len(cell_ids), blank, dtype=int if column == "n" else float)
            array[where] = rows[column].fill_null(blank).to_numpy()
            found[name][str(metric)] = array
    return found


def _units(cell_metrics: pl.DataFrame) -> dict[str, str]:
    """The unit of each metric, as far as it is known."""
    known = cell_metrics.filter(pl.col("probe") == PRIMARY, pl.col("unit").is_not_null())
    return dict(known.select("metric", "unit").unique("metric", keep="first").iter_rows())


def _phases(tables: Mapping[str, pl.DataFrame], cell_ids: list[str]) -> tuple[str, ...]:
    if "phases" not in tables or tables["phases"].is_empty():
        return ()
    known = dict(tables["phases"].select("cell_id", "phase").iter_rows())
    return tuple(known[cell_id] for cell_id in cell_ids)
