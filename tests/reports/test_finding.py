"""The sentences at the top of the page: their numbers, their grammar, and what to train next."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog import TABLES
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.tables import frame_of
from landscape_catalog.phases.facts.best import best_of_all
from landscape_catalog.reports.data.axes import make_axis
from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.data.finding import finding, span_words
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.data.next_steps import next_steps
from tests.reports.grids import Catalog

AXES = {"load.width": [1, 2, 4], "temperature.batch_size": [16, 32, 64]}


def grid(axes: dict[str, list[Any]] | None = None, **more: Any) -> Tables:
    return Catalog(axes or AXES, **{"seeds": 5, **more}).tables()


def labelled(tables: Tables, *phases: str, **columns: Any) -> Tables:
    """Phases in the order of the cells; the last one stands for all that follow."""
    names = [*phases, *[phases[-1]] * (tables["phases"].height - len(phases))]
    frame = tables["phases"].with_columns(
        pl.Series("phase", names[: tables["phases"].height]),
        *(pl.lit(value).alias(name) for name, value in columns.items()),
    )
    return {**tables, "phases": frame.cast(dict(tables["phases"].schema))}  # type: ignore[arg-type]


def probable(tables: Tables, *probabilities: float | None, second: str = "I") -> Tables:
    """Probabilities of the labels, with a second phase."""
    n = tables["phases"].height
    values = [*probabilities, *[probabilities[-1]] * (n - len(probabilities))]
    frame = tables["phases"].with_columns(
        pl.Series("phase_probability", values, pl.Float64), pl.lit(second).alias("second_phase")
    )
    return {**tables, "phases": frame}


def scored(tables: Tables, metric: str, *values: float | None, error: float | None = 0.1) -> Tables:
    """A metric's means in the order of the cells, each with an error of five runs."""
    means = dict(zip(tables["cells"].sort("position")["cell_id"], values))
    rows = tables["cell_metrics"].to_dicts()
    for row in rows:
        if row["metric"] == metric and row["cell_id"] in means:
            row.update(mean=means[row["cell_id"]], standard_error=error, n=5)
    return {**tables, "cell_metrics": pl.DataFrame(rows, schema=tables["cell_metrics"].schema)}


def said(tables: Tables) -> str:
    return finding(tables, report_data(tables), best_of_all(diagram_of(tables)))


def following(tables: Tables) -> str:
    return next_steps(tables, report_data(tables), best_of_all(diagram_of(tables)))


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        (("II",), "All 9 cells are in phase II."),
        (("I", "II"), "Of 9 cells, 1 is in phase I and 8 in II."),
        (("IV-B", "I", "I", "II"), "Of 9 cells, 2 are in phase I, 6 in II and 1 in IV-B."),
        (("NC", "II"), "Of 9 cells, 8 are in phase II; 1 did not converge."),
        (
            ("NC", "NC", "unclassified", "II"),
            "Of 9 cells, 6 are in phase II; 2 did not converge and 1 cannot be classified.",
        ),
        (("NC",), "None of 9 cells has a phase; 9 did not converge."),
    ],
)
def test_the_phases_are_counted(phases: tuple[str, ...], words: str) -> None:
    unsure = "The probability of labels is unknown."
    assert said(labelled(grid(), *phases)).startswith(f"{words} {unsure}")


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("II", "The only cell is in phase II."),
        ("NC", "The cell has no phase; 1 did not converge."),
        ("unclassified", "The cell has no phase; 1 cannot be classified."),
    ],
)
def test_a_single_cell(phase: str, words: str) -> None:
    one = labelled(grid({"load.width": [2]}), phase)
    assert said(one).startswith(f"{words} The probability of its label is unknown.")


def test_how_many_labels_are_sure() -> None:
    tables = labelled(grid(), "II")
    assert " 9 of 9 labels are sure." in said(probable(tables, 0.9))
    assert " 1 of 9 labels is sure." in said(probable(tables, 0.9, 0.8999))
    assert " 0 of 9 labels are sure." in said(probable(tables, None, 0.5))
    one = labelled(grid({"load.width": [2]}), "II")
    assert " Its label is sure." in said(probable(one, 1.0))
    assert " Its label is not sure." in said(probable(one, 0.5))


def test_where_connectivity_fails() -> None:
    tables = grid()  # cells by width, then batch size
    names = ["I", "III", "II", "I", "II", "II", "II", "II", "II"]
    assert "3 cells are poorly connected, within width 1 to 2 and batch size 16 to 32." in said(
        labelled(tables, *names)
    )
    assert "1 cell is poorly connected, at width 1 and batch size 16." in said(
        labelled(tables, "I", "II")
    )
    assert "3 cells are poorly connected, at width 1 and every batch size." in said(
        labelled(tables, "I", "I", "III", "II")
    )
    assert "No cell is labelled poorly connected. " in said(labelled(tables, "II"))
    assert "poorly" not in said(labelled(tables, "NC"))


def test_where_connectivity_may_fail() -> None:
    tables = probable(labelled(grid(), "II"), 0.5, 0.95)
    assert "but the one at width 1 and batch size 16 may be." in said(tables)
    tables = probable(labelled(grid(), "II"), 0.5, 0.6, 0.95)
    assert "but the 2 at width 1 and batch size 16 to 32 may be." in said(tables)
    # The second phase of a sure label does not count, nor does one that is connected.
    assert "No cell is labelled poorly connected. " in said(probable(labelled(grid(), "II"), 0.95))
    connected = probable(labelled(grid(), "II"), 0.5, second="IV-A")
    assert "No cell is labelled poorly connected. " in said(connected)


def test_connectivity_in_a_facet() -> None:
    axes = {"load.width": [1, 2], "temperature.batch_size": [16], "load.samples": [100, 200]}
    tables = grid(axes)  # cells by width, then samples
    assert "at width 1 and batch size 16, training samples 100." in said(
        labelled(tables, "I", "II")
    )
    assert "at width 1 and batch size 16, in 2 of 2 facets." in said(
        labelled(tables, "I", "I", "II")
    )


def test_spans_run_from_low_to_high_whichever_way_the_axis_does() -> None:
    x = make_axis("load.width", [1, 2, 4], "auto", vertical=False)
    y = make_axis("temperature.batch_size", [16, 32, 64], "auto", vertical=True)
    for axis, low, middle in ((x, "1", "2"), (y, "16", "32")):
        places = {axis.labels.index(low), axis.labels.index(middle)}
        assert span_words(axis, places) == f"{axis.name} {low} to {middle}"
        assert span_words(axis, {axis.labels.index(middle)}) == f"{axis.name} {middle}"
        assert span_words(axis, {0, 1, 2}) == f"every {axis.name}"
    one = make_axis("load.width", [1], "auto", vertical=False)
    assert span_words(one, {0}) == "width 1"


def test_the_best_cell_with_its_error_and_its_equals() -> None:
    tables = scored(labelled(grid(), "II"), "test_accuracy", 90, 92, 92.05, *[80] * 6)
    assert (
        "The highest test accuracy of 9 cells is 92.0% (standard error 0.1 points), at width 1, "
        "batch size 64, in phase II; 1 other cannot be told from it (1 in II), by standard errors "
        "over runs." in said(tables)
    )


def test_the_best_cell_may_be_unclassified() -> None:
    tables = scored(labelled(grid(), "unclassified", "II"), "test_accuracy", 95, *[80] * 8)
    assert "at width 1, batch size 16, in an unclassified cell; no other cell" in said(tables)


def test_a_tie_is_said() -> None:
    tables = scored(labelled(grid(), "II"), "test_accuracy", 90, 92, 92, *[80] * 6)
    assert "at width 1, batch size 32, in phase II; 1 other cannot be told from it" in said(tables)


def test_the_lowest_loss_is_the_best() -> None:
    tables = labelled(grid(kind="text", unit=None), "II")
    tables = scored(tables, "test_loss", 1.5, 0.5, *[2.0] * 7)
    assert "The lowest test loss of 9 cells is 0.5" in said(tables)
    assert "at width 1, batch size 32, in phase II; no other cell is as good" in said(tables)


def test_the_best_of_all_variants() -> None:
    tables = labelled(grid({"load.width": [1, 2]}, variants=("base", "decay")), "II")
    tables = scored(tables, "test_accuracy", 80, 81, 82, 95)
    assert "is 95.0% (standard error 0.1 points), at width 2, variant decay" in said(tables)


def test_without_any_value_nothing_is_said_of_the_best() -> None:
    tables = grid(not_converged=lambda cell: True)
    assert "test accuracy" not in said(tables)


def criteria(tables: Tables, **changed: int) -> Tables:
    rows = [
        {"criterion": name, "position": i, "changed_at_90": n, "changed_at_110": 0}
        for i, (name, n) in enumerate(changed.items())
    ]
    return {**tables, "criteria": frame_of(TABLES["criteria"], rows)}


def test_what_decides() -> None:
    tables = labelled(grid(), "II")
    assert "threshold" not in said(tables)  # nothing is known
    assert said(criteria(tables, alike=0)).endswith(
        "No label changes if a threshold is moved by 10%."
    )
    deciding = "The most decisive threshold is that of"
    assert said(criteria(tables, alike=1, barrier=1, other=0)).endswith(
        "The most decisive thresholds are those of CKA and “barrier”: 1 label changes if one of "
        "them is moved by 10%."
    )
    assert said(criteria(tables, alike=2, barrier=3)).endswith(
        f"{deciding} “barrier”: 3 labels change if it is moved by 10%."
    )


def test_the_least_sure_labels_are_named_first() -> None:
    tables = probable(labelled(grid(), "II"), 0.7, 0.4, 0.5, 0.6, 0.95)
    words = following(tables)
    assert words.startswith(
        "The least sure labels are at width 1, batch size 32 (II 40%, or I); width 1, batch size "
        "64 (II 50%, or I); width 2, batch size 16 (II 60%, or I): train more seeds there."
    )
    one = following(probable(labelled(grid(), "II"), 0.7, 0.95))
    assert one.startswith("The least sure label is at width 1, batch size 16 (II 70%, or I): train")
    assert "sure" not in following(probable(labelled(grid(), "II"), 0.9))


def test_the_end_of_the_grid_is_said() -> None:
    tables = labelled(grid(), "II")
    corner = scored(tables, "test_accuracy", *[80] * 8, 95)
    assert following(corner) == (
        "The best cell has the largest width (4) and the largest batch size (64) of the grid: the "
        "optimum may lie beyond."
    )
    assert following(scored(tables, "test_accuracy", *[80] * 4, 95, *[80] * 4)) == ""
    side = scored(tables, "test_accuracy", 80, 95, *[80] * 7)
    assert "has the smallest width (1) of the grid" in following(side)
    # An axis of two values has no middle.
    short = labelled(grid({"load.width": [1, 2]}), "II")
    assert following(scored(short, "test_accuracy", 80, 95)) == ""


def test_too_few_seeds_for_probabilities() -> None:
    words = "With 5 seeds per cell and a ring of curves, labels would have a probability."
    few = labelled(grid(seeds=3), "II")
    assert words in following(few)
    assert words not in following(probable(few, 0.95))
    assert words not in following(labelled(grid(), "II"))  # their curves are missing, not seeds
    unknown = {**few, "cells": few["cells"].with_columns(n_runs=pl.lit(None, pl.Int64))}
    assert words not in following(unknown)


def test_cells_that_have_not_converged_are_to_be_trained_longer() -> None:
    middle = scored(labelled(grid(), "NC", "II"), "test_accuracy", *[80] * 4, 95, *[80] * 4)
    assert following(middle) == "1 cell has not converged: train longer there."
    more = scored(labelled(grid(), "NC", "NC", "II"), "test_accuracy", *[80] * 4, 95, *[80] * 4)
    assert following(more) == "2 cells have not converged: train longer there."
