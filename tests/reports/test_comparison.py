"""The difference of two experiments: which cells match, numbers by hand, words, and the page."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl
import pytest
from scipy import stats

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import build_page, compared_tables, sides
from landscape_catalog.reports.charts.difference import change_map, difference_map
from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.data.difference import Change, Difference, change_words, difference
from landscape_catalog.reports.data.difference_words import difference_words, phase_changes
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.data.panels import panels
from tests.catalog.source_folders import identified
from tests.reports.grids import Catalog

FIRST = {"load.width": [1, 2, 4], "temperature.batch_size": [16, 64]}
SECOND = {"load.width": [2, 4, 8], "temperature.batch_size": [16, 64]}


def tables(axes: dict[str, list[Any]], name: str = "e", **more: Any) -> Tables:
    return identified(Catalog(axes, **more).tables(), name)


def with_metric(given: Tables, metric: str, values: dict[tuple[int, int], tuple]) -> Tables:
    """A metric's mean, standard error and number by width and batch size; others stay."""
    cells = {
        (width, batch): cell
        for cell, width, batch in given["cells"].select("cell_id", "width", "batch_size").rows()
    }
    rows = given["cell_metrics"].to_dicts()
    for place, (mean, error) in values.items():
        for row in rows:
            if (row["cell_id"], row["metric"]) == (cells[place], metric):
                row.update(mean=mean, standard_error=error)
    return {**given, "cell_metrics": pl.DataFrame(rows, schema=given["cell_metrics"].schema)}


def with_phases(given: Tables, names: dict[tuple[int, int], str], **columns: Any) -> Tables:
    """Phases by width and batch size; all others are II."""
    places = {
        cell: (width, batch)
        for cell, width, batch in given["cells"].select("cell_id", "width", "batch_size").rows()
    }
    rows = [
        {**row, "phase": names.get(places[row["cell_id"]], "II"), **columns}
        for row in given["phases"].to_dicts()
    ]
    return {**given, "phases": pl.DataFrame(rows, schema=given["phases"].schema)}


def compare(a: Tables, b: Tables, *chosen: str) -> Difference:
    both = ("ours", a, "noisy", b)
    joined = compared_tables(*both)
    data = report_data(joined)
    return difference(joined, data, sides(*both), panels(data, chosen or None))


def said(a: Tables, b: Tables) -> str:
    both = ("ours", a, "noisy", b)
    joined = compared_tables(*both)
    data = report_data(joined)
    return difference_words(data, difference(joined, data, sides(*both), panels(data)))


def page(a: Tables, b: Tables) -> str:
    both = ("ours", a, "noisy", b)
    return build_page(compared_tables(*both), Report(title="both"), sides=sides(*both))


def by_place(found: Difference, metric: str) -> dict[tuple[str, str], Change | None]:
    panel = next(one for one in found.panels if one.panel.metric == metric)
    return {
        (pair.b["x"], pair.b["y"]): change
        for pair, change in zip(found.matched.pairs, panel.changes)
    }


def test_cells_match_by_the_values_of_the_axes() -> None:
    found = compare(tables(FIRST), tables(SECOND, "f")).matched
    assert [(p.a["x"], p.a["y"]) for p in found.pairs] == [
        (p.b["x"], p.b["y"]) for p in found.pairs
    ]
    assert {(p.b["x"], p.b["y"]) for p in found.pairs} == {
        ("2", "16"), ("2", "64"), ("4", "16"), ("4", "64"),
    }  # fmt: skip
    assert {(cell["x"], cell["facet"]) for cell in found.only_first} == {("1", "ours")}
    assert {(cell["x"], cell["facet"]) for cell in found.only_second} == {("8", "noisy")}
    assert found.n_groups == 1


def test_an_axis_that_is_constant_in_one_experiment_counts() -> None:
    # The first has one number of samples, the second two: only that of both is compared.
    more = {**FIRST, "load.samples": [500, 1000]}
    found = compare(tables(FIRST), tables(more, "f")).matched
    assert len(found.pairs) == 6
    assert {pair.b["facet"] for pair in found.pairs} == {"noisy, training samples 1000"}
    assert {cell["facet"] for cell in found.only_second} == {"noisy, training samples 500"}


def test_variants_match_by_name_or_with_the_only_one() -> None:
    one, two = tables({"load.width": [1, 2]}), tables({"load.width": [1, 2]}, "f")
    several = {"load.width": [1, 2]}
    both = compare(
        tables(several, variants=("base", "decay")),
        tables(several, "f", variants=("decay", "warm")),
    ).matched
    assert {(p.a["variant"], p.b["variant"]) for p in both.pairs} == {
        ("ours: decay", "noisy: decay")
    }
    assert {cell["variant"] for cell in both.only_first} == {"ours: base"}
    split = compare(one, tables(several, "f", variants=("base", "decay"))).matched
    assert [(p.a["variant"], p.b["variant"]) for p in split.pairs] == [
        ("ours", "noisy: base"), ("ours", "noisy: base"),
        ("ours", "noisy: decay"), ("ours", "noisy: decay"),
    ]  # fmt: skip
    # A facet of the second shows its own pairs; that of the first, those with its first partner.
    assert [(p.facet_a, p.facet_b) for p in split.pairs] == [(0, 1), (0, 1), (-1, 2), (-1, 2)]
    assert len(compare(one, two).matched.pairs) == 2


def test_numbers_by_hand() -> None:
    a = with_metric(tables(FIRST), "test_accuracy", {(2, 16): (90.0, 0.3), (2, 64): (80.0, None)})
    b = with_metric(
        tables(SECOND, "f", seeds=4),
        "test_accuracy",
        {(2, 16): (89.5, 0.4), (2, 64): (70.0, 0.4)},
    )
    changes = by_place(compare(a, b), "test_accuracy")
    change = changes["2", "16"]
    assert change is not None
    assert change.value == pytest.approx(-0.5)
    assert change.error == pytest.approx(0.5)  # 3, 4, 5
    # Welch: 0.5**4 / (0.3**4 / 2 + 0.4**4 / 3) = 4.961... for three runs and four.
    freedom = 0.0625 / (0.0081 / 2 + 0.0256 / 3)
    assert change.half_width == pytest.approx(0.5 * stats.t.ppf(0.95, freedom))
    assert change.alike is True
    without = changes["2", "64"]
    assert without is not None
    assert (without.value, without.error, without.alike) == (-10.0, None, None)


def test_logarithmic_metrics_are_compared_by_their_ratio() -> None:
    a = with_metric(tables(FIRST), "top_eigenvalue", {(2, 16): (10.0, 0.3), (2, 64): (0.0, 0.1)})
    b = with_metric(tables(SECOND, "f"), "top_eigenvalue", {(2, 16): (40.0, 1.6), (2, 64): (1, 1)})
    found = compare(a, b)
    panel = next(one for one in found.panels if one.panel.metric == "top_eigenvalue")
    assert panel.logarithmic
    changes = by_place(found, "top_eigenvalue")
    change = changes["2", "16"]
    assert change is not None
    assert change.value == pytest.approx(math.log(4))
    assert change.error == pytest.approx(0.05)  # sqrt(0.03**2 + 0.04**2)
    assert change.alike is False
    assert change_words(change, logarithmic=True) == "10 → 40: × 4, ln 1.39 ± 0.05"
    assert changes["2", "64"] is None  # the logarithm of zero
    row = next(row for row in found.rows if (row["x"], row["y"]) == ("2", "16"))
    assert row["top_eigenvalue"] == pytest.approx(math.log(4), rel=1e-5)


def test_a_cell_that_has_not_converged_has_no_difference() -> None:
    b = tables(SECOND, "f", not_converged=lambda cell: cell["width"] == 2)
    changes = by_place(compare(tables(FIRST), b), "test_accuracy")
    assert changes["2", "16"] is None
    assert changes["4", "16"] is not None


def test_metrics_in_different_units_are_not_compared() -> None:
    found = compare(tables(FIRST), tables(SECOND, "f", loss_unit="bits"))
    assert found.incomparable == ["train loss (nats or bits)"]
    assert "train_loss" not in {one.panel.metric for one in found.panels}
    assert "Not compared, since units differ: train loss (nats or bits)." in page(
        tables(FIRST), tables(SECOND, "f", loss_unit="bits")
    )


def test_doubt_of_either_cell_is_the_difference_s() -> None:
    b = tables(SECOND, "f", unconverged_metrics=("top_eigenvalue",))
    change = by_place(compare(tables(FIRST), b), "top_eigenvalue")["4", "16"]
    assert change is not None
    assert change.doubtful


def test_rows_carry_the_index_of_both_cells() -> None:
    a, b = tables(FIRST), tables(SECOND, "f")
    found = compare(a, b)
    cells = report_data(compared_tables("ours", a, "noisy", b)).cells
    for row in found.rows:
        one, other = cells[row["j"]], cells[row["i"]]
        assert (one["facet"], other["facet"]) == ("ours", "noisy")
        assert (one["x"], one["y"]) == (other["x"], other["y"]) == (row["x"], row["y"])
        assert (one["phase"], other["phase"]) == (row["before"], row["phase"])


def test_phase_changes_are_counted() -> None:
    a = with_phases(tables(FIRST), {(2, 16): "IV-A", (2, 64): "IV-A", (4, 16): "IV-B"})
    b = with_phases(tables(SECOND, "f"), {(4, 64): "I"})
    found = compare(a, b)
    assert phase_changes(found.matched.pairs) == [
        (("IV-A", "II"), 2), (("IV-B", "II"), 1), (("II", "I"), 1),
    ]  # fmt: skip
    assert (
        "All 4 cells that both have change their phase: 2 from IV-A to II, 1 from IV-B to II "
        "and 1 from II to I." in said(a, b)
    )
    text = page(a, b)
    head = "<tr><th>ours</th><th>noisy</th><th>cells</th><th>which</th></tr>"
    row = (
        "<td>IV-A</td><td>II</td><td>2</td><td>width 2, batch size 16; width 2, batch size 64</td>"
    )
    assert head in text
    assert row in text


def test_how_sure_the_changes_are() -> None:
    a = with_phases(tables(FIRST), {(2, 16): "IV-A"}, phase_probability=0.95)
    b = with_phases(tables(SECOND, "f"), {}, phase_probability=0.95)
    assert "1 from IV-A to II; 1 of these changes is between sure labels." in said(a, b)
    doubtful = with_phases(tables(SECOND, "f"), {}, phase_probability=0.5, second_phase="I")
    assert "; 0 of these changes are between sure labels." in said(a, doubtful)


EVERYWHERE = [(2, 16), (2, 64), (4, 16), (4, 64)]


def accuracies(*values: float, name: str, error: float | None = 1.0) -> Tables:
    given = tables(FIRST if name == "e" else SECOND, name)
    return with_metric(
        given, "test_accuracy", {at: (value, error) for at, value in zip(EVERYWHERE, values)}
    )


def test_the_largest_gain_and_loss() -> None:
    a = accuracies(90, 90, 90, 90, name="e")
    b = accuracies(95, 89, 70, 90, name="f")
    assert (
        "Test accuracy improves most at width 2, batch size 16, by 5.0 ± 1.4 points (standard "
        "error) and worsens most at width 4, batch size 16, by 20.0 ± 1.4 points (standard error). "
        "The difference is beyond noise in 2 of 4 cells." in said(a, b)
    )


def test_only_losses_no_change_and_no_errors() -> None:
    a = accuracies(90, 90, 90, 90, name="e", error=None)
    assert "improves nowhere." in said(a, accuracies(80, 89, 88, 87, name="f", error=None))
    assert "by 10.0 points; it" in said(a, accuracies(80, 89, 88, 87, name="f", error=None))
    assert "worsens nowhere." in said(a, accuracies(91, 91, 91, 91, name="f", error=None))
    same = said(a, accuracies(90, 90, 90, 90, name="f", error=None))
    assert "Test accuracy is the same in all of them." in same
    assert "beyond noise" not in same


def test_a_lower_loss_is_a_gain() -> None:
    a, b = (tables(FIRST if n == "e" else SECOND, n, kind="text", unit=None) for n in "ef")
    a = with_metric(a, "test_loss", dict.fromkeys(EVERYWHERE, (2.0, 0.03)))
    b = with_metric(b, "test_loss", dict.fromkeys(EVERYWHERE, (1.5, 0.04)))
    words = said(a, b)
    assert "Test loss improves most at width 2, batch size 16, by 0.5 ± 0.05" in words
    assert "worsens nowhere." in words


def test_constant_settings_that_differ_are_named() -> None:
    b = tables(SECOND, "f", seeds=5)
    b = {**b, "cells": b["cells"].with_columns(label_noise=pl.lit(0.2))}
    words = said(tables(FIRST), b)
    assert words.startswith(
        "What differs: label noise (0 in ours, 0.2 in noisy) and seeds (3 in ours, 5 in noisy). "
    )
    assert "What differs" not in said(tables(FIRST), tables(SECOND, "f"))


def test_settings_that_a_publication_does_not_state_are_no_difference() -> None:
    b = tables(SECOND, "f")
    b = {**b, "cells": b["cells"].with_columns(label_noise=pl.lit(None, pl.Float64))}
    assert "What differs" not in said(tables(FIRST), b)


def test_metrics_that_only_one_experiment_has_are_left_out() -> None:
    b = tables(SECOND, "f")
    b = {**b, "cell_metrics": b["cell_metrics"].filter(pl.col("metric") != "l2_distance")}
    assert "l2_distance" not in {one.panel.metric for one in compare(tables(FIRST), b).panels}
    assert 'id="difference-l2_distance"' not in page(tables(FIRST), b)


def test_many_cells_of_one_change_are_counted_and_not_all_named() -> None:
    axes = {"load.width": [1, 2, 4, 8], "temperature.batch_size": [16, 32, 64, 128]}
    a = with_phases(tables(axes), {})
    b = with_phases(
        tables(axes, "f"), {(w, s): "I" for w in axes["load.width"] for s in (16, 32, 64, 128)}
    )
    assert "<td>16</td><td>width 1, batch size 16; " in page(a, b)
    assert "width 4, batch size 128; and 4 more</td>" in page(a, b)


def test_one_common_cell_and_none() -> None:
    one = tables({"load.width": [1, 2]})
    only = with_phases(tables({"load.width": [2, 4]}, "f"), {(2, 128): "I"})
    before = with_phases(one, {(2, 128): "IV-B"})
    assert "The only cell that both have changes its phase from IV-B to I." in said(before, only)
    same = with_phases(one, {(2, 128): "I"})
    assert "The only cell that both have keeps its phase." in said(same, only)
    apart = tables({"load.width": [16, 32]}, "f")
    assert said(one, apart).startswith("No cell lies at the same place in both experiments")
    text = page(one, apart)
    assert "No cell of the two experiments has the same values of all axes." in text
    assert 'id="difference-phases"' not in text
    assert "Only in ours: 2 cells (width 1, batch size 128; width 2, batch size 128)." in text


def test_the_page_has_a_map_for_every_panel_and_no_claims() -> None:
    text = page(tables(FIRST), tables(SECOND, "f"))
    ids = ["phases", "test_accuracy", "train_loss", "top_eigenvalue", "trace", "mode_connectivity"]
    assert all(f'id="difference-{name}"' in text for name in [*ids, "cka", "l2_distance"])
    assert "difference-room" not in text  # of the thresholds, not of the results
    assert "<h2>Difference: noisy minus ours</h2>" in text
    assert "Claims of the paper" not in text
    assert '"difference":{"columns"' in text
    alone = build_page(tables(FIRST), Report())
    assert "<h2>Difference" not in alone
    assert '"difference":{"columns"' not in alone


def test_the_same_experiments_give_the_same_page() -> None:
    assert page(tables(FIRST), tables(SECOND, "f")) == page(tables(FIRST), tables(SECOND, "f"))


def test_names_cannot_inject_markup() -> None:
    both = ("<b>a</b>", tables(FIRST), "</script><i>", tables(SECOND, "f"))
    text = build_page(compared_tables(*both), Report(), sides=sides(*both))
    assert "<b>a</b>" not in text
    assert "</script><i>" not in text
    assert "Difference: &lt;/script&gt;&lt;i&gt; minus &lt;b&gt;a&lt;/b&gt;" in text


def test_colours_are_centred_on_zero_and_valid() -> None:
    a = accuracies(90, 90, 90, 90, name="e")
    b = accuracies(95, 89, 70, 90, name="f")
    both = ("ours", a, "noisy", b)
    joined = compared_tables(*both)
    data = report_data(joined)
    found = difference(joined, data, sides(*both), panels(data))
    for one in found.panels:
        spec = difference_map(data, found, one).to_dict()
        scales = [
            layer["encoding"]["color"]["scale"]
            for layer in spec["layer"]
            if "scale" in layer.get("encoding", {}).get("color", {})
        ]
        assert [scale["domain"] for scale in scales] == [[-one.reach, one.reach]]
        assert scales[0]["domainMid"] == 0
    accuracy = next(one for one in found.panels if one.panel.metric == "test_accuracy")
    assert accuracy.reach == 20
    assert accuracy.title == "Test accuracy, points"
    assert change_map(data, found).to_dict()["data"] == {"name": "difference"}


def test_the_catalog_of_both_names_both_experiments() -> None:
    joined = compared_tables("ours", tables(FIRST, "e"), "noisy", tables(SECOND, "f"))
    assert joined["experiments"]["experiment_id"].item() == "e, f"
    assert json.loads(joined["experiments"]["variants"].item()) == ["ours", "noisy"]


def test_what_is_known_of_the_errors_is_said() -> None:
    text = page(tables(FIRST), tables(SECOND, "f"))
    assert '<p class="hint">difference; no known errors</p>' in text
    a = accuracies(90, 90, 90, 90, name="e")
    text = page(a, accuracies(95, 90, 70, 90, name="f"))
    assert '<p class="hint">difference; 2 of 4 cells cannot be told from zero</p>' in text
    b = with_metric(tables(SECOND, "f"), "test_accuracy", {(2, 16): (95, 1.0), (2, 64): (70, 1.0)})
    words = "difference; 0 of 4 cells cannot be told from zero; 2 without a known error"
    assert f'<p class="hint">{words}</p>' in page(a, b)
