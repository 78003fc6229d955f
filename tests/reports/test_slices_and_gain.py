"""Metrics against the temperature, and the gain of variants over base."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from landscape_catalog.reports.charts.gain import best_chart, gain_chart
from landscape_catalog.reports.charts.slices import slice_chart, slices
from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.data.gain import best_over_temperatures
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


METRICS = ["test_accuracy", "train_loss", "top_eigenvalue", "trace", "mode_connectivity", "cka"]


def test_slices_of_figure_8e() -> None:
    data = report_data(Catalog(GRID).tables())
    assert [one.key for one in slices(data)] == [
        f"slice-{along}-{metric}" for metric in METRICS for along in "yx"
    ]
    trace = next(one for one in slices(data) if one.key == "slice-y-trace")
    lines, bars, selected = slice_chart(data, trace).to_dict()["layer"]
    assert lines["encoding"]["y"]["scale"]["type"] == "log"
    x = lines["encoding"]["x"]
    assert (x["scale"]["type"], x["scale"]["reverse"], x["axis"]["values"]) == ("log", False, [16, 32])  # fmt: skip
    assert x["title"] == "batch size   (← hotter)"
    colours = lines["encoding"]["color"]["scale"]
    assert colours["domain"] == data.x.labels
    assert len(set(colours["range"])) == 3
    assert bars["encoding"]["y2"]["field"] == "high"
    assert {"filter": "datum.i == selected"} in selected["transform"]


def test_slices_along_the_load() -> None:
    data = report_data(Catalog(GRID).tables())
    trace = next(one for one in slices(data) if one.key == "slice-x-trace")
    lines = slice_chart(data, trace).to_dict()["layer"][0]["encoding"]
    assert (lines["x"]["field"], lines["x"]["axis"]["values"]) == ("xp", [1, 2, 8])
    assert lines["x"]["title"] == "width   (less load →)"
    assert (lines["color"]["field"], lines["color"]["scale"]["domain"]) == ("y", data.y.labels)


def test_thresholds_are_drawn_where_the_metric_has_one() -> None:
    data = report_data(Catalog(GRID).tables())
    found = {}
    for one in slices(data):
        rules = [
            layer["data"]["values"]
            for layer in slice_chart(data, one).to_dict()["layer"]
            if "values" in layer.get("data", {})
        ]
        if one.along == "y":
            found[one.column] = [row["threshold"] for rows in rules for row in rows]
    assert found == {
        "test_accuracy": [], "train_loss": [0.05], "top_eigenvalue": [], "trace": [],
        "mode_connectivity": [-1, 1], "cka": [0.5],
    }  # fmt: skip


@pytest.mark.parametrize("axes", [{}, {"load.width": [1, 2]}, {"temperature.lr": [0.1, 0.2]}])
def test_slices_need_two_values_on_both_axes(axes: dict[str, Any]) -> None:
    assert slices(report_data(Catalog(axes).tables())) == []


def test_slices_without_numbers_are_not_drawn() -> None:
    assert slices(report_data(Catalog(GRID, not_converged=lambda cell: True).tables())) == []
    alone = slices(report_data(Catalog(GRID, seeds=1).tables()))
    assert [one.column for one in alone if one.along == "y"] == METRICS[:4]


def test_slices_of_text_are_of_loss() -> None:
    data = report_data(Catalog(GRID, kind="text", unit="nats").tables())
    first = slices(data)[0]
    assert (first.column, first.title, first.hint) == ("test_loss", "Test loss, nats", "lower is better")  # fmt: skip


def test_slices_show_the_chosen_facet() -> None:
    data = report_data(Catalog(GRID, variants=("base", "decay")).tables())
    for layer in slice_chart(data, slices(data)[0]).to_dict()["layer"]:
        assert "datum.f == facet" in str(layer["transform"])


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
    best, gain = (draw(data, "gain-0", found).to_dict() for draw in (best_chart, gain_chart))
    assert best["layer"][0]["encoding"]["y"]["scale"]["reverse"]  # better is up
    assert not gain["layer"][1]["encoding"]["y"]["scale"]["reverse"]


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
