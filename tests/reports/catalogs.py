"""Catalogs whose pages are drawn and opened in a browser; each page is built once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import polars as pl

from landscape_catalog.catalog import TABLES
from landscape_catalog.catalog.tables import frame_of
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.metrics.barrier.spec import LINE
from landscape_catalog.phases import Yang2021
from landscape_catalog.reports import build_page
from tests.reports.grids import Catalog

Tables = dict[str, pl.DataFrame]
GRID = {"load.width": [1, 2, 8], "temperature.batch_size": [16, 32]}
LONG = (
    "a name of one hundred and twenty letters, such as machines write, which does not fit anywhere "
    * 2
)
EVIL = "<img src=x onerror=\"document.body.dataset.hurt='yes'\">"


def classified(tables: Tables) -> Tables:
    """The catalog with the labels of the paper's rule, as aggregate gives them."""
    table = Yang2021().table
    assert table is not None
    means = tables["cell_metrics"].filter(pl.col("probe") == "primary")
    cells, labels = tables["phases"]["cell_id"].to_list(), []
    for cell, kept in zip(cells, tables["phases"]["phase"]):
        own = means.filter(pl.col("cell_id") == cell)
        known = dict(own.select("metric", "mean").drop_nulls().iter_rows())
        labels.append("NC" if kept == "NC" else table.phase(known))
    return tables | {"phases": tables["phases"].with_columns(phase=pl.Series(labels))}


def linked() -> Tables:
    """A grid with all that a drawer can show: five seeds, all pairs, lines, spectra, doubt."""
    axes = {"load.width": [1, 2, 4, 8, 16], "temperature.batch_size": [16, 32, 64, 128]}
    tables = classified(Catalog(axes, seeds=5, epochs=30).tables())
    runs = tables["runs"].with_columns(
        n_epochs=pl.lit(30, pl.Int64),
        train_loss=pl.col("seed") * 0.01 + 0.02,
        test_accuracy=81.5 + pl.col("seed"),
    )
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("pairs", "curves", "curve_points", "densities", "hessians")
    }
    for (cell,), group in runs.group_by("cell_id", maintain_order=True):
        ids, bend = group["run_id"].to_list(), (hash_of(str(cell)) % 7 - 3) / 2
        for one, other in combinations(range(5), 2):
            key = {"cell_id": cell, "run_id": ids[one], "other_run_id": ids[other]}
            rows["pairs"].append({**key, "seed": one, "other_seed": other, "mode_connectivity": bend - one / 4,
                                  "cka": 0.8 - other / 20, "l2_distance": 20.0 + one, "line_barrier": 12.0})  # fmt: skip
            rows["curves"].append({**key, "probe": "primary", "fit": 0, "unit": "%", "quantity": "error",
                                   "fit_length": 50, "length_unit": "epochs", "converged": one != 1})  # fmt: skip
            for probe, height in (("primary", -bend), (LINE, 12.0)):
                for t in (0.0, 0.25, 0.5, 0.75, 1.0):
                    error = 3 + 4 * t * (1 - t) * height
                    rows["curve_points"].append({**key, "probe": probe, "fit": 0, "t": t, "train_error": error,
                                                 "test_error": error + 5, "train_loss": error / 100, "test_loss": error / 50})  # fmt: skip
        for run in ids:
            rows["hessians"].append(
                {
                    "run_id": run,
                    "layer": "",
                    "batch": 0,
                    "method": "direct",
                    "top_eigenvalue": 12.5,
                    "trace": 301.0,
                }
            )
            rows["densities"] += [
                {"run_id": run, "grid_value": x, "density": math.exp(-x * x / 50) + 1e-4}
                for x in range(-5, 40)
            ]
    tables |= {name: frame_of(TABLES[name], found) for name, found in rows.items()}
    n = tables["phases"].height
    doubt = tables["phases"].with_columns(
        phase_probability=pl.Series([0.97 if i % 3 else 0.55 for i in range(n)]),
        second_phase=pl.lit("II"),
    )
    return tables | {"runs": runs, "phases": doubt}


def hash_of(text: str) -> int:
    """A number of a text that is the same in each process."""
    return sum(map(ord, text))


def rich() -> Tables:
    """Two variants, two amounts of label noise, several probes and snapshots, cells without a minimum."""
    return Catalog(
        {**GRID, "load.width": [1, 2, 8, 64], "load.label_noise": [0.0, 0.1]},
        variants=("base", "decay"),
        connectivity=("primary", "small.rate[0]"),
        similarity=("primary", "alpha 0.5"),
        snapshots=("last", "best_test"),
        not_converged=lambda cell: cell["width"] == 8 and cell["batch_size"] == 16,
    ).tables()


def own() -> Tables:
    """The parameters and the data of a user."""
    axes = {
        "load.extra.reaction_rate": [0.0, 1.0, 10.0],
        "temperature.extra.activation": ["relu", "tanh"],
        "load.extra.skip": [False, True],
    }
    return Catalog(axes, kind="points", unit="squared residual").tables()


def large() -> Tables:
    """40 x 40 cells, which are drawn on a canvas."""
    axes = {"load.width": list(range(1, 41)), "temperature.batch_size": list(range(2, 82, 2))}
    return Catalog(axes, seeds=2, epochs=2).tables()


def without_curves() -> Tables:
    tables = Catalog(GRID, seeds=2).tables()
    return tables | {
        name: tables[name].clear() for name in ("curves", "curve_points", "epochs", "pairs")
    }


def named(name: str) -> Tables:
    """A catalog all of whose names are this text: variant, value of an axis, dataset, probe."""
    axes = {**GRID, "load.extra.kind": [name, "plain"]}
    catalog = Catalog(axes, variants=("base", name), similarity=("primary", name))
    tables = catalog.tables()
    for table in ("experiments", "phases", "probes"):
        text = {
            "experiments": ["dataset", "model"],
            "phases": ["reason"],
            "probes": ["title", "method"],
        }[table]
        tables[table] = tables[table].with_columns(pl.lit(name).alias(column) for column in text)
    return tables


CATALOGS: dict[str, Callable[[], Tables]] = {
    "linked": linked,
    "rich": rich,
    "own": own,
    "one cell and seed": lambda: Catalog({}, seeds=1).tables(),
    "one row": lambda: Catalog({"load.width": [1, 2, 4, 8]}).tables(),
    "one column": lambda: Catalog({"temperature.lr": [0.01, 0.02, 0.04]}).tables(),
    "one seed": lambda: Catalog(GRID, seeds=1).tables(),
    "nothing converged": lambda: Catalog(GRID, variants=("base", "decay"), not_converged=lambda cell: True).tables(),
    "no curves": without_curves,
    "text": lambda: Catalog(GRID, kind="text", unit="nats", seeds=2).tables(),
    "large": large,
    "long names": lambda: named(LONG[:120]),
    "evil names": lambda: named(EVIL),
}  # fmt: skip
TITLES = {"long names": LONG[:120], "evil names": EVIL}


@functools.cache
def page_of(name: str) -> str:
    """The page of a catalog."""
    return build_page(CATALOGS[name](), Report(title=TITLES.get(name, "Phases")))
