"""Metrics against the temperature, and the gain of variants over base."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.charts.gain import best_over_temperatures, gain_chart
from landscape_catalog.reports.charts.slices import slice_chart, slices
from tests.reports.grids import Catalog

GRID = {"load.width": [1, 2, 8], "temperature.batch_size": [16, 32]}


def with_metric(tables: dict[str, Any], metric: str, values: list[float | None]) -> dict[str, Any]:
    """The catalog with different means of a metric, cell by cell."""
    cells = tables["cells"].sort("position")["cell_id"]
    new = pl.DataFrame({"cell_id": cells, "new": values}, schema_overrides={"new": pl.Float64})
    is_metric = (pl.col("metric") == metric) & (pl.col("probe") == "primary")
    mean = pl.when(is_metric).then(pl.col("new")).otherwise(pl.col("mean"))
    table = tables["cell_metrics"].join(new, on="cell_id").with_columns(mean=mean).drop("new")
    return {**tables, "cell_metrics": table}


def test_slices_of_figure_8e() -> None:
    data = report_data(Catalog(GRID).tables())
    assert [one.column for one in slices(data)] == ["test_accuracy", "trace", "mode_connectivity", "cka"]  # fmt: skip
    trace = next(one for one in slices(data) if one.column == "trace")
    lines, bars = slice_chart(data, trace).to_dict()["layer"]
    assert lines["encoding"]["y"]["scale"]["type"] == "log"
    x = lines["encoding"]["x"]
    assert (x["scale"]["type"], x["scale"]["reverse"], x["axis"]["values"]) == ("log", False, [16, 32])  # fmt: skip
    assert x["title"] == "batch size   (← hotter)"
    colours = lines["encoding"]["color"]["scale"]
    assert colours["domain"] == data.x.labels
    assert len(set(colours["range"])) == 3
    assert bars["encoding"]["y2"]["field"] == "high"


@pytest.mark.parametrize("axes", [{}, {"load.width": [1, 2]}, {"temperature.lr": [0.1, 0.2]}])
def test_slices_need_two_values_on_both_axes(axes: dict[str, Any]) -> None:
    assert slices(report_data(Catalog(axes).tables())) == []


def test_slices_without_numbers_are_not_drawn() -> None:
    assert slices(report_data(Catalog(GRID, not_converged=lambda cell: True).tables())) == []
    alone = slices(report_data(Catalog(GRID, seeds=1).tables()))
    assert [one.column for one in alone] == ["test_accuracy", "trace"]


def test_slices_of_text_are_of_loss() -> None:
    data = report_data(Catalog(GRID, kind="text", unit="nats").tables())
    first = slices(data)[0]
    assert (first.column, first.title, first.hint) == ("test_loss", "Test loss, nats", "lower is better")  # fmt: skip


def test_slices_are_faceted() -> None:
    data = report_data(Catalog(GRID, variants=("base", "decay")).tables())
    spec = slice_chart(data, slices(data)[0]).to_dict()
    assert spec["facet"]["sort"] == ["base", "decay"]


# base: width 1 (two batch sizes), 2, 8; then decay
ACCURACIES = [50, 51, 60, 58, 70, 71, 52, 50, 65, 66, 70, 60]
CONNECTIVITY = [-9, -8, -3, 5, 0, -1, 0, 0, 0, 0, 0, 0]


def test_gain_by_hand() -> None:
    tables = Catalog(GRID, variants=("base", "decay")).tables()
    tables = with_metric(tables, "test_accuracy", [float(value) for value in ACCURACIES])
    tables = with_metric(tables, "mode_connectivity", [float(value) for value in CONNECTIVITY])
    found = best_over_temperatures(report_data(tables), "")
    rows = [(row["variant"], row["x"], row["y"], row["best"], row["gain"]) for row in found.rows]
    assert rows == [
        ("base", "1", "32", 51, 0), ("base", "2", "16", 60, 0), ("base", "8", "32", 71, 0),
        ("decay", "1", "16", 52, 1), ("decay", "2", "32", 66, 6), ("decay", "8", "16", 70, -1),
    ]  # fmt: skip
    # at width 2 the best temperature's mc is -3; at 8 it is -1, which the tolerance admits
    assert (found.connected_from, found.connected_label) == (8, "8")


@pytest.mark.parametrize("values", [[0.0] * 12, [-9.0] * 12, [None] * 12])
def test_no_turning_point(values: list[float | None]) -> None:
    tables = Catalog(GRID, variants=("base", "decay")).tables()
    tables = with_metric(tables, "mode_connectivity", values)
    assert best_over_temperatures(report_data(tables), "").connected_from is None


def test_a_lower_loss_is_a_gain() -> None:
    tables = Catalog(GRID, variants=("base", "decay"), kind="text", unit="nats").tables()
    tables = with_metric(tables, "test_loss", [3.0, 2.0, 2.0, 2.0, 2.0, 2.0] + [1.5] * 6)
    data = report_data(tables)
    found = best_over_temperatures(data, "")
    assert [row["gain"] for row in found.rows] == [0, 0, 0, 0.5, 0.5, 0.5]
    left, right = gain_chart(data, "gain-0", found).to_dict()["hconcat"]
    assert left["layer"][0]["encoding"]["y"]["scale"]["reverse"]  # better is up
    assert not right["layer"][1]["encoding"]["y"]["scale"]["reverse"]
    assert left["title"]["subtitle"] == right["title"]["subtitle"] == ["up is better"]


def test_gain_compares_only_where_base_has_converged() -> None:
    catalog = Catalog(
        GRID,
        variants=("base", "decay"),
        not_converged=lambda cell: cell["variant"] == "base" and cell["width"] == 8,
    )
    found = best_over_temperatures(report_data(catalog.tables()), "")
    gains = {(row["variant"], row["x"]): row["gain"] for row in found.rows}
    assert gains["decay", "8"] is None
    assert ("base", "8") not in gains


def test_gain_for_each_other_load() -> None:
    axes = {**GRID, "load.label_noise": [0.0, 0.1], "temperature.lr": [0.05, 0.1]}
    data = report_data(Catalog(axes, variants=("base", "decay")).tables())
    found = best_over_temperatures(data, "label noise 0.1")
    assert len(found.rows) == 6
    assert all("label noise 0.1" in row["facet"] for row in found.rows)
