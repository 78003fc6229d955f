"""How sure labels are, in the diagram and in words."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases import Yang2021
from landscape_catalog.reports.charts import maps
from landscape_catalog.reports.data import colours
from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.data.sureness import label_row, strength, sureness_words
from landscape_catalog.reports.page.page import build_page
from tests.reports.grids import Catalog
from tests.reports.test_maps import contrast

GRID = {"load.width": [1, 2, 8], "temperature.batch_size": [16, 32]}
Tables = dict[str, pl.DataFrame]


def with_probabilities(tables: Tables, probabilities: list[float | None], second: str) -> Tables:
    """The catalog with these probabilities of its labels, in the order of the cells."""
    changed = tables["phases"].with_columns(
        phase_probability=pl.Series(probabilities, dtype=pl.Float64),
        second_phase=pl.lit(second),
        probability_reason=pl.Series(
            ["one run" if one is None else None for one in probabilities], dtype=pl.String
        ),
    )
    return tables | {"phases": changed}


@pytest.fixture
def tables() -> Tables:
    return with_probabilities(Catalog(GRID).tables(), [0.95, 0.9, 0.89, 0.5, 0.2, None], "NC")


def test_cells_are_as_strong_as_sure(tables: Tables) -> None:
    found = [cell["strength"] for cell in report_data(tables).cells]
    assert found[:2] == [1, 1]
    assert found[2:5] == sorted(found[2:5], reverse=True)
    assert 0.1 < found[4] < found[2] < 0.8
    assert 0 < found[5] < 1
    assert strength("NC", None) == 1


def test_a_doubtful_cell_names_the_second_phase(tables: Tables) -> None:
    data = report_data(tables)
    assert [cell["second"] for cell in data.cells] == ["", "", "NC", "NC", "NC", ""]
    assert [cell["probability"] for cell in data.cells] == [
        "95%", "90%", "89%", "50%", "20%", "unknown: one run",
    ]  # fmt: skip
    _, marks, names, both, *_ = maps.phase_diagram(data).to_dict()["layer"]
    assert marks["encoding"]["opacity"] == {"field": "drawn", "legend": None, "scale": None, "type": "quantitative"}  # fmt: skip
    (drawn,) = [one["calculate"] for one in marks["transform"] if one.get("as") == "drawn"]
    assert drawn.startswith("(!length(labels) ? datum.strength : 1) * ")
    assert "datum.second" in names["encoding"]["opacity"]["value"]["expr"]
    (step,) = (step["calculate"] for step in both["transform"] if "calculate" in step)
    assert step.endswith("datum.second")


@pytest.mark.parametrize("probability", [None, 0.1, 0.3, 0.5, 0.7, 0.85, 0.89, 0.9, 1.0])
def test_names_can_be_read_on_every_strength(probability: float | None) -> None:
    rule = Yang2021()
    for phase in rule.phases:
        cell: dict[str, Any] = {
            "phase": phase.name, "phase_probability": probability, "second_phase": None, "probability_reason": None,
        }  # fmt: skip
        row = label_row(cell, rule)
        drawn = colours.faded(phase.colour, row["strength"])
        assert contrast(drawn, colours.PAPER if row["white"] else colours.INK) >= 4, phase


def test_the_head_of_the_page(tables: Tables) -> None:
    words = sureness_words(tables)
    assert words.startswith("2 of 6 labels are sure: ")
    assert words.endswith("For 1 cell the probability is unknown.")
    page = build_page(tables, Report())
    assert words in page
    assert "Full colour" in page
    assert "sketch" not in page
    assert build_page(tables, Report()) == page


def test_without_probabilities_the_map_is_a_sketch(tables: Tables) -> None:
    none = with_probabilities(tables, [None] * 6, "NC")
    assert sureness_words(none).startswith(
        "This map is a sketch: nothing says how sure its 6 labels are (one run)."
    )
    assert "at least 3 runs of its cell" in sureness_words(none)
    page = build_page(none, Report())
    assert "This map is a sketch" in page
    assert "Pale in the diagram: nothing says how sure these labels are." in page
    assert "Full colour" not in page


def test_nothing_is_advised_for_published_results_and_the_usual_reason_is_given(
    tables: Tables,
) -> None:
    none = with_probabilities(tables, [None] * 6, "NC")
    reasons = ["mode_connectivity is missing", *["only means"] * 5]
    phases = none["phases"].with_columns(probability_reason=pl.Series(reasons))
    metrics = none["cell_metrics"].with_columns(source=pl.lit("Nobody 2020"))
    published = none | {"phases": phases, "cell_metrics": metrics}
    assert sureness_words(published) == (
        "This map is a sketch: nothing says how sure its 6 labels are (in 5 of 6 cells only means)."
        " Other seeds may give another map."
    )


def test_hints_speak_of_what_is_on_the_page(tables: Tables) -> None:
    page = build_page(tables, Report())
    assert "over the converged runs of a cell" in page
    assert "Bars: ± one standard deviation" in page
    unknown = pl.lit(None, pl.Int64)
    bare = tables | {
        "cells": tables["cells"].with_columns(n_converged=unknown),
        "cell_metrics": tables["cell_metrics"].with_columns(sd=pl.lit(None, pl.Float64)),
    }
    page = build_page(bare, Report())
    assert "over the runs of a cell or pairs of them as it was published" in page
    assert "Bars:" not in page
