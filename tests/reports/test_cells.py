"""From a catalog to rows: primary probes, facets, custom parameters, the performance metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog import read_tables
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.data.about import about
from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.data.lines import curves, fill_grid, training_lines
from tests.reports.grids import Catalog

GRID = {"load.width": [1, 2], "temperature.batch_size": [16, 32]}
WAYS = {
    "connectivity": ("primary", "small.rate[0]"),
    "similarity": ("primary", "alpha 0.5"),
    "snapshots": ("last", "best_test"),
}


def test_the_papers_orientation(finished: tuple[Path, Path]) -> None:
    """Width increases to the right, batch size decreases upwards (the first row is the hottest)."""
    data = report_data(read_tables(finished[0] / "data" / "catalog"))
    assert (data.x.path, data.x.labels) == ("load.width", ["1", "2"])
    assert (data.y.path, data.y.labels) == ("temperature.batch_size", ["16", "32"])
    assert data.facets == [""]


def test_primary_probes_are_not_mixed_with_others() -> None:
    alone = report_data(Catalog(GRID).tables()).cells
    among = report_data(Catalog(GRID, **WAYS).tables()).cells
    for metric in ("mode_connectivity", "cka", "test_accuracy", "train_loss"):
        assert [cell[metric] for cell in among] == [cell[metric] for cell in alone]
    assert [cell["cka_probe_1"] for cell in among] == pytest.approx(
        [cell["cka"] + 0.1 for cell in alone], rel=1e-5
    )
    assert [cell["test_accuracy_best_test"] for cell in among] == pytest.approx(
        [cell["test_accuracy"] + 0.5 for cell in alone], rel=1e-5
    )


def test_variants_and_other_axes_become_facets() -> None:
    axes = {**GRID, "load.label_noise": [0.1, 0.0]}
    data = report_data(Catalog(axes, variants=("base", "decay")).tables())
    assert data.facets == [
        "base, label noise 0", "base, label noise 0.1", "decay, label noise 0", "decay, label noise 0.1",
    ]  # fmt: skip
    assert data.loads == ["label noise 0", "label noise 0.1"]
    assert {cell["facet"] for cell in data.cells} == set(data.facets)


def test_the_drawn_axes_are_chosen() -> None:
    axes = {**GRID, "load.samples": [100, 1000]}
    data = report_data(Catalog(axes).tables(), Report(x="load.samples", x_scale="even"))
    assert (data.x.path, data.x.scale, data.x.labels) == ("load.samples", "even", ["100", "1000"])
    assert data.facets == ["width 1", "width 2"]
    assert data.x.cell(1000) == (0.5, 1.5, 1.0, 1.0)


def test_custom_parameters_are_axes_or_facets() -> None:
    axes = {
        "load.extra.reaction_rate": [1.0, 10.0],
        "temperature.extra.activation": ["relu", "tanh"],
        "load.extra.skip_layers": [False, True],
    }
    data = report_data(Catalog(axes, kind="points", unit="residual").tables())
    assert (data.x.title, data.x.labels) == ("reaction rate", ["1", "10"])
    assert (data.y.title, data.y.labels) == ("activation", ["tanh", "relu"])
    assert data.facets == ["skip layers false", "skip layers true"]
    turned = report_data(
        Catalog(axes).tables(), Report(x="load.extra.skip_layers", y="temperature.batch_size")
    )
    assert turned.x.labels == ["false", "true"]
    assert turned.facets[0] == "reaction rate 1, activation relu"


def test_a_parameter_that_only_a_variant_has() -> None:
    tables = Catalog({**GRID, "load.extra.depth": [2]}, variants=("base", "own")).tables()
    bare = pl.when(pl.col("variant") == "base").then(pl.lit("{}")).otherwise(pl.col("extra"))
    data = report_data({**tables, "cells": tables["cells"].with_columns(extra=bare)})
    assert data.facets == ["base, depth none", "own, depth 2"]


@pytest.mark.parametrize("kind", ["images", "points", "text"])
@pytest.mark.parametrize(
    ("metric", "higher"), [("test_accuracy", True), ("test_loss", False), ("test_error", False)]
)
def test_the_catalog_names_the_performance_metric(kind: str, metric: str, higher: bool) -> None:
    found = report_data(Catalog(GRID, kind=kind, performance_metric=metric).tables()).performance
    assert (found.metric, found.higher_is_better) == (metric, higher)


def test_each_number_has_its_own_unit() -> None:
    """Mode connectivity may be in the unit of the error, which need not be that of the loss."""
    own = report_data(
        Catalog(GRID, kind="points", unit="mm", loss_unit="squared residual").tables()
    )
    assert own.units["mode_connectivity"] == own.units["line_barrier"] == "mm"
    assert own.units["test_loss"] == own.performance.unit == "squared residual"
    images = report_data(Catalog(GRID).tables())
    assert (images.units["mode_connectivity"], images.units["train_loss"]) == ("%", "nats")
    assert (images.units["n_epochs"], images.units["cka"]) == ("epochs", "")
    named = {one["column"]: one["words"] for one in about(images, [], own=True)["metrics"]}
    assert named["train_loss"] == "train loss, nats"
    assert named["cka"] == "CKA", "an abbreviation is written as one"
    assert named["l2_distance"] == "L2 distance"
    assert named["n_epochs"] == "number of epochs", "the unit stands in the name"


def test_probes_are_described_by_the_parameters_in_which_they_differ() -> None:
    found = report_data(Catalog(GRID, **WAYS).tables()).columns_of("cka")
    assert [(column.probe, column.label) for column in found] == [
        ("primary", "the primary one"), ("alpha 0.5", "the alpha 0.5 one"),
    ]  # fmt: skip
    assert [column.method for column in found] == [
        "linear CKA, mixup, alpha 2.0", "linear CKA, mixup, alpha 3.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "unit", "quantity", "end"),
    [("images", "%", "error", 3.0), ("text", "nats", "loss", 0.03)],
)
def test_curves_show_the_quantity_that_connectivity_is_measured_in(
    kind: str, unit: str, quantity: str, end: float
) -> None:
    tables = Catalog(GRID, kind=kind, unit=unit, **WAYS).tables()
    primary, other = curves(tables, report_data(tables))
    assert (primary.quantity, primary.unit) == (quantity, unit)
    assert (primary.probe, other.probe) == ("primary", "small.rate[0]")
    assert len(primary.lines) == len(other.lines) == 4
    assert primary.lines[0]["train"][0] == end
    assert primary.lines[0]["t"] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_curves_say_how_long_they_were_fitted() -> None:
    """Those whose fit has not converged are faded, and the cell has a note."""
    tables = Catalog(GRID, unconverged_metrics=("mode_connectivity",)).tables()
    verdicts = [True, False, None, None]
    tables["curves"] = tables["curves"].with_columns(
        fit_length=pl.Series([100, 400, 20, None]),
        length_unit=pl.Series(["epochs", "epochs", "updates", None]),
        converged=pl.Series(verdicts),
    )
    data = report_data(tables)
    (primary,) = curves(tables, data)
    assert {line["length"]: line["doubt"] for line in primary.lines} == {
        "100 epochs, converged": False,
        "400 epochs, not converged": True,
        "20 updates, not known whether it has converged": False,
        "not known whether it has converged": False,
    }
    note = "the fit of a curve has not converged (1 of 2: after 5 steps)"
    assert {cell["note"] for cell in data.cells} == {note}
    assert {cell["note"] for cell in report_data(Catalog(GRID).tables()).cells} == {""}


def test_long_training_is_thinned() -> None:
    tables = Catalog(GRID, epochs=500).tables()
    lines = training_lines(tables, report_data(tables))
    assert len(lines) == 12
    assert all(len(line["epoch"]) == len(line["train_loss"]) == 40 for line in lines)
    assert all((line["epoch"][0], line["epoch"][-1]) == (1, 500) for line in lines)


def test_every_cell_has_a_small_chart() -> None:
    """A missing chart would misalign the others."""
    tables = Catalog(GRID, not_converged=lambda cell: cell["width"] == 2).tables()
    data = report_data(tables)
    (primary,) = curves(tables, data)
    places = [(line["x"], line["y"]) for line in fill_grid(primary.lines, data)]
    assert sorted(places) == [("1", "16"), ("1", "32"), ("2", "16"), ("2", "32")]


def test_missing_and_infinite_numbers_are_not_drawn() -> None:
    tables = Catalog(GRID, seeds=1).tables()
    infinite = pl.when(pl.col("metric") == "trace").then(float("inf")).otherwise(pl.col("mean"))
    changed = {**tables, "cell_metrics": tables["cell_metrics"].with_columns(mean=infinite)}
    row = report_data(changed).cells[0]
    assert (row["trace"], row["ln trace"]) == (None, None)
    assert (row["cka"], row["cka text"], row["phase"]) == (
        None,
        "missing: no run has converged",
        "unclassified",
    )
    json.dumps(row, allow_nan=False)


def test_zero_has_no_logarithm() -> None:
    tables: dict[str, Any] = Catalog(GRID).tables()
    zero = pl.when(pl.col("metric") == "train_loss").then(0.0).otherwise(pl.col("mean"))
    row = report_data({**tables, "cell_metrics": tables["cell_metrics"].with_columns(mean=zero)}).cells[0]  # fmt: skip
    assert (row["train_loss"], row["ln train_loss"]) == (0.0, None)
