"""Maps of the grid as Vega-Lite specifications: colours, tooltips, marks, shared scales."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import RULES
from landscape_catalog.reports.charts import maps
from landscape_catalog.reports.data import colours
from landscape_catalog.reports.data.cells import ReportData, report_data
from landscape_catalog.reports.data.panels import PanelChart, panels
from landscape_catalog.schema.words import in_words
from tests.reports.grids import Catalog

GRID = {"load.width": [1, 2, 8], "temperature.batch_size": [16, 32]}
WAYS = {
    "connectivity": ("primary", "small rate", "large rate"),
    "similarity": ("primary", "alpha 0.5"),
    "snapshots": ("last", "best_test"),
}


@pytest.fixture
def data() -> ReportData:
    return report_data(Catalog(GRID).tables())


def panel(data: ReportData, key: str) -> PanelChart:
    return next(one for one in panels(data) if one.key == key)


def layers(data: ReportData, key: str) -> list[dict[str, Any]]:
    return maps.metric_panel(data, panel(data, key)).to_dict()["layer"]


def marks_in(layer: dict[str, Any]) -> str:
    return str(layer["mark"]["type"])


def colour_scale(data: ReportData, key: str) -> dict[str, Any]:
    return layers(data, key)[1]["encoding"]["color"]["scale"]


def written(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layers of text in the cells, without the letters of pinned cells."""
    texts = [layer for layer in found if marks_in(layer) == "text"]
    return [
        layer
        for layer in texts
        if layer["encoding"]["text"] != {"field": "letter", "type": "nominal"}
    ]


def test_the_seven_panels_of_figure_2(data: ReportData) -> None:
    assert [one.key for one in panels(data)] == [
        "test_accuracy", "train_loss", "top_eigenvalue", "trace", "mode_connectivity", "cka", "l2_distance",
    ]  # fmt: skip
    for one in panels(data):
        for layer in layers(data, one.key)[:2]:
            drawn = [q for q in QUANTITIES.values() if q.panel is not None and q.panel.place]
            shown = {entry["title"].split(",")[0] for entry in layer["encoding"]["tooltip"]}
            assert {in_words(quantity.name) for quantity in drawn} <= shown
            assert "test accuracy" in shown
            assert "norm" not in shown  # that is in the drawer


def test_cells_are_rectangles_with_their_edges(data: ReportData) -> None:
    encoding = layers(data, "trace")[1]["encoding"]
    assert [encoding[side]["field"] for side in ("x", "x2", "y", "y2")] == ["x0", "x1", "y0", "y1"]
    assert encoding["x"]["scale"]["type"] == encoding["y"]["scale"]["type"] == "log"
    assert encoding["x"]["scale"]["domain"] == pytest.approx([2**-0.5, 16])
    assert (encoding["x"]["scale"]["reverse"], encoding["y"]["scale"]["reverse"]) == (False, True)
    assert encoding["x"]["axis"]["values"] == [1, 2, 8]
    cell = next(row for row in data.cells if (row["x"], row["y"]) == ("2", "16"))
    assert (cell["x0"], cell["x1"], cell["xm"]) == pytest.approx((2**0.5, 4, 2**1.25))


def test_connectivity_diverges_around_zero(data: ReportData) -> None:
    scale = colour_scale(data, "mode_connectivity")
    low, high = scale["domain"]
    assert low == -high < 0
    assert scale["scheme"] == "redblue"
    assert scale["reverse"]


def test_every_phase_has_a_colour(data: ReportData) -> None:
    scale = maps.phase_diagram(data).to_dict()["layer"][1]["encoding"]["color"]["scale"]
    assert scale["domain"] == ["I", "II", "III", "IV-A", "IV-B", "NC", "unclassified"]
    assert len(set(scale["range"])) == 7


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_phases_can_be_read() -> None:
    for rule in RULES.values():
        for phase in rule().phases:
            text = colours.PAPER if phase.dark else colours.INK
            assert contrast(phase.colour, text) >= 4.5, phase  # WCAG 2, level AA
    assert contrast(colours.MISSING_COLOUR, colours.INK) > 10


def test_text_on_a_colour_has_the_better_contrast() -> None:
    for grey in range(256):
        colour = f"#{grey:02x}{grey:02x}{grey:02x}"
        chosen = colours.PAPER if luminance(colour) < colours.DARK else colours.INK
        assert contrast(colour, chosen) >= 4


def test_cells_that_have_not_converged_are_labelled_in_every_panel() -> None:
    catalog = Catalog(GRID, **WAYS, not_converged=lambda cell: cell["width"] == 8)
    data = report_data(catalog.tables())
    for one in panels(data):
        grey, _, names, *_ = layers(data, one.key)
        assert names["encoding"]["text"] == {"value": "NC"}
        assert names["transform"] == [{"filter": "datum.phase == 'NC'"}]
        assert grey["encoding"]["color"]["value"] == colours.MISSING_COLOUR
        assert grey["encoding"]["color"]["condition"]["value"] == colours.PAPER
    diagram = maps.phase_diagram(data).to_dict()["layer"]
    first, second, star = (layer["encoding"]["text"] for layer in written(diagram))
    assert first["field"] == second["field"] == "name"
    assert star == {"value": maps.NOTED}
    assert {row["phase"] for row in data.cells if row["x"] == "8"} == {"NC"}


def test_numbers_are_written_in_every_panel(data: ReportData) -> None:
    """Whether they fit is decided where they are drawn (tests/reports/browser)."""
    _, numbers = written(layers(data, "cka"))
    assert numbers["encoding"]["text"]["field"] == "number"
    assert any(
        "format(datum['cka'], " in step.get("calculate", "") for step in numbers["transform"]
    )
    assert "scale('x', datum.x1) - scale('x', datum.x0)" in numbers["mark"]["fontSize"]["expr"]


@pytest.mark.parametrize("axes", [{}, GRID])
def test_without_any_number_all_cells_are_grey(axes: dict[str, Any]) -> None:
    data = report_data(Catalog(axes, not_converged=lambda cell: True).tables())
    for one in panels(data):
        found = layers(data, one.key)
        (names,) = written(found)
        assert (marks_in(found[0]), names["encoding"]["text"]) == ("rect", {"value": "NC"})
        assert found[0]["encoding"]["color"]["value"] == colours.MISSING_COLOUR
        assert not any("color" in layer["encoding"] for layer in found[1:-1])


def test_a_single_value_has_a_colour() -> None:
    data = report_data(Catalog({}).tables())
    low, high = colour_scale(data, "test_accuracy")["domain"]
    assert low < data.cells[0]["test_accuracy"] < high


@pytest.mark.parametrize(
    ("metric", "keys"),
    [
        ("mode_connectivity", ["mode_connectivity", "mode_connectivity_probe_1", "mode_connectivity_probe_2"]),
        ("cka", ["cka", "cka_probe_1"]),
        ("test_accuracy", ["test_accuracy", "test_accuracy_best_test"]),
    ],
)  # fmt: skip
def test_panels_of_one_metric_share_a_colour_scale(metric: str, keys: list[str]) -> None:
    data = report_data(Catalog(GRID, **WAYS).tables())
    assert [one.key for one in panels(data) if one.key.startswith(metric)] == keys
    scales = [colour_scale(data, key) for key in keys]
    assert all(scale == scales[0] for scale in scales)
    low, high = scales[0]["domain"]
    assert all(low <= row[key] <= high for key in keys for row in data.cells)
    titles = [panel(data, key).title for key in keys]
    assert len(set(titles)) == len(keys)


def test_a_probe_is_titled_with_its_name_and_method() -> None:
    data = report_data(Catalog(GRID, **WAYS).tables())
    probe = panel(data, "cka_probe_1")
    assert probe.title == "CKA similarity: the alpha 0.5 one"
    assert probe.method.startswith("linear CKA, mixup")
    snapshot = panel(data, "test_accuracy_best_test")
    assert snapshot.title == "Test accuracy, %: best test error or loss"


def test_test_loss_replaces_accuracy() -> None:
    text = Catalog(GRID, kind="text", unit="nats", snapshots=("last", "best_test"))
    data = report_data(text.tables())
    first, second = panels(data)[:2]
    assert (first.key, second.key) == ("test_loss", "test_loss_best_test")
    assert first.field == "ln test_loss"
    assert colour_scale(data, "test_loss")["reverse"]  # low is bright, and better
    assert first.title == "Test loss, nats: last epoch"
    assert first.hint == "brighter is lower, and better; logarithmic colours"
    assert "test_accuracy" not in {one.key for one in panels(data)}
    assert panel(data, "mode_connectivity").title == "Mode connectivity mc, nats"


def test_each_facet_has_a_diagram_and_panels_show_the_chosen_one() -> None:
    axes = {**GRID, "load.label_noise": [0.0, 0.2]}
    data = report_data(Catalog(axes, variants=("base", "decay")).tables())
    assert len(data.facets) == 4
    assert {cell["f"]: cell["facet"] for cell in data.cells} == dict(enumerate(data.facets))
    for facet in range(4):
        for layer in maps.phase_diagram(data, facet).to_dict()["layer"]:
            assert f"datum.f == {facet}" in json.dumps(layer["transform"])
    for layer in layers(data, "cka"):
        assert "datum.f == facet" in json.dumps(layer["transform"])


def test_charts_share_the_cells(data: ReportData) -> None:
    for one in panels(data):
        spec = json.dumps(maps.metric_panel(data, one).to_dict())
        assert '"data": {"name": "cells"}' in spec
        assert '"values": [{' not in spec


def test_a_metric_without_values_is_not_in_tooltips() -> None:
    tables = Catalog(GRID).tables()
    gone = pl.when(pl.col("metric") == "norm").then(None).otherwise(pl.col("mean"))
    data = report_data({**tables, "cell_metrics": tables["cell_metrics"].with_columns(mean=gone)})
    marks = maps.phase_diagram(data).to_dict()["layer"][1]
    titles = [entry["title"] for entry in marks["encoding"]["tooltip"]]
    assert "norm" not in titles
    assert "CKA" in titles


def test_a_number_that_has_not_converged_is_faded() -> None:
    data = report_data(Catalog(GRID, unconverged_metrics=("trace",)).tables())
    assert all(row["trace doubt"] for row in data.cells)
    assert "cka doubt" not in data.cells[0]
    assert data.cells[0]["trace text"].endswith("; 1 of 2: after 5 steps")
    for key, steps in (("trace", layers(data, "trace")), ("cka", layers(data, "cka"))):
        (drawn,) = (s["calculate"] for s in steps[1]["transform"] if s.get("as") == "drawn")
        assert drawn.startswith(f"(datum['{key} doubt'] ? 0.35 : 1)")
