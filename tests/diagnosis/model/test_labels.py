from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.commands.imports import import_results
from landscape_catalog.diagnosis.model.labels import differences, gains
from landscape_catalog.paths import Project
from landscape_catalog.phases.diagram import Diagram
from tests.diagnosis.model.grids import diagram
from tests.exchange.imports.sources import CSV, needs_published

NAN = np.nan


def grid(accuracy: list[list[float]]) -> Diagram:
    """Three widths (rows, towards wide) by three batch sizes (columns, towards hot)."""
    axes = {"load.width": (2, 4, 8), "temperature.batch_size": (64, 32, 16)}
    return diagram(axes, {"test_accuracy": np.array(accuracy)})


def test_gains_of_a_grid_by_hand() -> None:
    found = gains(grid([[10, 13, 11], [20, 15, 25], [18, 16, NAN]]))
    hotter = [[3, 0, 0], [5, 10, 0], [0, 0, NAN]]
    colder = [[0, 0, 2], [0, 5, 0], [0, 2, NAN]]
    wider = [[10, 3, 14], [0, 1, 0], [0, 0, NAN]]
    assert set(found) == {"hotter", "colder", "wider"}
    for action, expected in (("hotter", hotter), ("colder", colder), ("wider", wider)):
        assert found[action].tolist() == pytest.approx(np.ravel(expected), nan_ok=True)


def test_questions_compare_gains() -> None:
    found = differences(gains(grid([[10, 13, 11], [20, 15, 25], [18, 16, 17]])))
    assert set(found) == {"temperature", "width or temperature"}
    assert found["temperature"].tolist() == [3, 0, -2, 5, 5, 0, 0, -1, -1]
    assert found["width or temperature"].tolist() == [7, 3, 12, -5, -9, 0, 0, -2, -1]


def test_lower_is_better() -> None:
    own = grid([[10, 13, 11], [20, 15, 25], [18, 16, 17]])
    error = {"test_error": 100 - own.mean("test_accuracy")}
    lower = replace(own, means=error, performance="test_error", higher_is_better=False)
    same = gains(lower)
    for action, gain in gains(own).items():
        assert same[action].tolist() == pytest.approx(gain.tolist())


def test_label_noise_is_an_axis_towards_clean_labels() -> None:
    own = diagram(
        {"load.label_noise": (0.4, 0.2, 0.0), "temperature.lr": (0.1, 0.2)},
        {"test_accuracy": np.array([[50, 51], [60, 58], [70, 75]])},
    )
    assert gains(own)["cleaner data"].tolist() == [20, 24, 10, 17, 0, 0]


@given(st.lists(st.floats(0, 100), min_size=9, max_size=9))
def test_the_best_cell_of_a_line_gains_nothing_and_all_others_reach_it(values: list[float]) -> None:
    own = grid(np.reshape(values, (3, 3)).tolist())
    found = gains(own)
    best = np.maximum(found["hotter"], found["colder"]) + own.mean("test_accuracy")
    assert all(np.min(one) >= 0 for one in found.values())
    assert best.reshape(3, 3) == pytest.approx(
        np.tile(np.reshape(values, (3, 3)).max(axis=1, keepdims=True), 3)
    )


@needs_published
def test_gains_and_labels_are_those_that_zhou_2024_publish(tmp_path: Path) -> None:
    """Their `bs_failure = small` means that the temperature is too small."""
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text("{}")
    import_results(tmp_path, "zhou2024", CSV, None)
    own = diagram_of(source_named(Project(tmp_path), "zhou2024").tables())
    found = gains(own)
    columns = {
        "hotter": "rfi_inc_temp",
        "colder": "rfi_dec_temp",
        "wider": "rfi_width",
        "more data": "rfi_data",
    }
    for action, column in columns.items():
        assert found[action] == pytest.approx(own.mean(column), abs=1e-9)  # type: ignore[index]
    published = pl.read_csv(CSV)
    rows_of = published.iter_rows(named=True)
    theirs = {(row["width"], row["data_amount"], row["bs"]): row for row in rows_of}
    coordinates = (
        tuple(axis.values[i] for axis, i in zip(own.axes, place)) for place in own.places
    )
    rows = [theirs[place] for place in coordinates]
    words = {
        "temperature": ("bs_failure", "small", "large"),
        "width or temperature": ("width_vs_batch", "width", "batch"),
        "data or temperature": ("data_vs_batch", "data", "batch"),
    }
    for question, margin in differences(found).items():
        column, first, second = words[question]
        expected = [first if m > 0 else second if m < 0 else "optimal" for m in margin]
        assert expected == [row[column] for row in rows]
