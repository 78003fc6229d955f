"""Planted boundaries are found, with bands that say how well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.phases.facts.boundaries import Boundaries, Boundary, boundaries_of
from landscape_catalog.phases.facts.step import band_of_split, best_split
from tests.phases.facts.planted import (
    BATCH,
    BATCHES,
    NOISE,
    RATE,
    SAMPLES,
    WIDTH,
    WIDTHS,
    diagram,
    line_of,
)


def only(found: tuple[Boundaries, ...], division: str, axis: str) -> Boundaries:
    return next(one for one in found if (one.division, one.axis) == (division, axis))


def one_line(phases: list[str], path: str, values: list[object]) -> Boundary:
    division = {True: "sharpness", False: "connectivity"}[path.startswith("temperature.")]
    (line,) = only(boundaries_of(line_of(phases, path, values)), division, path).lines
    return line


def test_a_planted_boundary_is_found_at_every_load() -> None:
    """Width k is flat for batch sizes above 512 / k, so that narrow columns are wholly sharp."""
    found = diagram(
        {WIDTH: WIDTHS, BATCH: BATCHES},
        lambda p: "IV-B" if p[BATCH] > 1500 / p[WIDTH] else "II",
    )
    sharpness = only(boundaries_of(found), "sharpness", BATCH)
    assert (sharpness.n_lines, sharpness.n_changing) == (6, 5)
    assert [line.side for line in sharpness.lines] == ["sharp", "", "", "", "", ""]
    for line in sharpness.lines[1:]:
        truth = 1500 / line.settings[WIDTH]
        assert line.low < truth < line.high  # type: ignore[operator]
        assert line.position == pytest.approx(math.sqrt(line.low * line.high))  # type: ignore[operator]
        assert line.high == 2 * line.low  # type: ignore[operator]
        assert (line.n_changes, line.n_misplaced, line.is_reversed) == (1, 0, False)
    assert sharpness.shift is not None
    assert (sharpness.shift.first, sharpness.shift.last) == (2, 32)
    assert sharpness.words == (
        "Along batch size, 5 of 6 lines change from flat to sharp, at a median of 724 to 45.3 for "
        "width 2 to 32; of the others, 1 is wholly sharp."
    )


def test_connectivity_is_looked_for_along_load_and_similarity_along_both() -> None:
    def phase(point: dict[str, int]) -> str:
        if point[WIDTH] < 4:
            return "III"
        return "IV-B" if point[WIDTH] >= 16 else "IV-A"

    found = boundaries_of(diagram({WIDTH: WIDTHS, BATCH: [64, 16]}, phase))
    assert {(one.division, one.axis) for one in found} == {
        ("sharpness", BATCH), ("connectivity", WIDTH), ("similarity", WIDTH), ("similarity", BATCH),
    }  # fmt: skip
    connectivity = only(found, "connectivity", WIDTH)
    assert [line.position for line in connectivity.lines] == pytest.approx([math.sqrt(8)] * 2)
    similarity = only(found, "similarity", WIDTH)
    assert [line.position for line in similarity.lines] == pytest.approx([math.sqrt(8 * 16)] * 2)
    assert [line.n_cells for line in similarity.lines] == [4, 4]
    assert only(found, "similarity", BATCH).n_changing == 0
    assert only(found, "sharpness", BATCH).words == (
        "Along batch size, none of 6 lines changes from flat to sharp: 6 are wholly flat."
    )


def test_on_a_linear_axis_the_boundary_is_in_the_middle() -> None:
    line = one_line(["I", "I", "II", "II"], NOISE, [0.4, 0.2, 0.1, 0.0])
    assert (line.position, line.low, line.high) == (pytest.approx(0.15), 0.1, 0.2)


def test_a_line_that_comes_back_has_a_band_over_all_changes() -> None:
    line = one_line(["IV-B", "II", "IV-B", "IV-B", "II", "II", "II"], BATCH, list(BATCHES))
    assert (line.n_changes, line.n_misplaced) == (3, 1)
    assert line.position == pytest.approx(math.sqrt(128 * 64))
    assert (line.low, line.high) == (64, 1024)


def test_a_line_in_the_other_direction_is_called_so() -> None:
    line = one_line(["II", "II", "IV-B", "IV-B"], RATE, [0.01, 0.02, 0.04, 0.08])
    assert (line.is_reversed, line.n_misplaced) == (True, 0)
    assert line.position == pytest.approx(math.sqrt(0.02 * 0.04))


@pytest.mark.parametrize("gap", ["NC", "unclassified"])
def test_cells_of_no_side_widen_the_step(gap: str) -> None:
    line = one_line(["III", gap, "II", "II"], WIDTH, [1, 2, 4, 8])
    assert (line.n_cells, line.n_unknown) == (3, 1)
    assert (line.position, line.low, line.high) == (2, 1, 4)


def test_the_last_cells_not_converged_are_no_boundary() -> None:
    line = one_line(["IV-A", "IV-B", "NC"], BATCH, [64, 32, 16])
    assert (line.position, line.side, line.n_unknown) == (None, "flat", 1)


def test_a_single_cell_is_no_line() -> None:
    found = diagram({WIDTH: [1, 2, 4], BATCH: [64, 16]}, lambda p: "II" if p[WIDTH] > 2 else "NC")
    assert {one.division: one.n_lines for one in boundaries_of(found)} == {"sharpness": 1}


def test_similarity_is_not_compared_across_another_phase() -> None:
    found = boundaries_of(line_of(["IV-A", "III", "IV-B", "IV-B"], WIDTH, [1, 2, 4, 8]))
    (line,) = only(found, "similarity", WIDTH).lines
    assert (line.n_cells, line.position, line.side) == (2, None, "IV-B")


def test_names_have_no_boundary_and_an_unknown_rule_neither() -> None:
    names = diagram({"temperature.extra.optimiser": ["sgd", "adam"]}, lambda _: "I")
    assert boundaries_of(names) == ()
    assert boundaries_of(diagram({WIDTH: WIDTHS, BATCH: [8, 4]}, lambda _: "fitted")) == ()
    assert boundaries_of(diagram({WIDTH: WIDTHS, BATCH: [8, 4]})) == ()
    assert boundaries_of(line_of(["I"], WIDTH, [4])) == ()


def test_unsure_labels_widen_the_band_and_may_leave_the_grid() -> None:
    found = line_of(["IV-B", "IV-B", "II", "II"], BATCH, [128, 64, 32, 16])
    sharp = np.array([0.0, 0.3, 0.6, 0.7])
    (line,) = boundaries_of(found, {"II": sharp, "IV-B": 1 - sharp})[0].lines
    assert line.position == pytest.approx(math.sqrt(64 * 32))
    assert (line.low, line.high) == (None, 128)
    (sure,) = boundaries_of(found, {"II": np.round(sharp), "IV-B": 1 - np.round(sharp)})[0].lines
    assert (sure.low, sure.high) == (32, 64)


def test_a_band_holds_the_true_step_in_nine_of_ten_cases() -> None:
    """Cells on either side of a step at -1 and 1 with noise; p is Bayes' posterior of each cell."""
    generator = np.random.default_rng(7)
    n, sigma, held, widths = 12, 1.2, [], []
    for _ in range(2_000):
        truth = int(generator.integers(1, n))
        values = np.where(np.arange(n) >= truth, 1.0, -1.0) + sigma * generator.standard_normal(n)
        sides = (values > 0).astype(int)
        if len(set(sides.tolist())) < 2:
            continue
        chances = 1 / (1 + np.exp(-2 * values / sigma**2))
        first, last = band_of_split(sides, chances, best_split(sides))
        held.append(first <= truth <= last)
        widths.append(last - first)
    assert np.mean(held) >= 0.9
    assert np.mean(widths) < n - 2


@given(st.lists(st.integers(0, 1), min_size=2, max_size=9).filter(lambda s: len(set(s)) == 2))
def test_no_other_step_misplaces_fewer(sides: list[int]) -> None:
    own = np.array(sides)
    step = best_split(own)
    every = [
        int((np.where(np.arange(len(own)) >= j, up, 1 - up) != own).sum())
        for j in range(1, len(own))
        for up in (0, 1)
    ]
    assert step.n_misplaced == min(every)
    assert 1 <= step.after < len(own)
    first, last = band_of_split(own, own.astype(float), step)
    changes = np.flatnonzero(np.diff(own)) + 1
    assert first <= changes[0] <= changes[-1] <= last
    assert first <= step.after <= last


def test_variants_and_other_axes_have_lines_of_their_own() -> None:
    found = diagram(
        {WIDTH: [1, 2, 4], SAMPLES: [10, 20]},
        lambda p: "I" if p[WIDTH] < (2 if p["variant"] == "base" else 4) else "II",
        variants=("base", "decay"),
    )
    connectivity = only(boundaries_of(found), "connectivity", WIDTH)
    assert [(line.variant, line.settings[SAMPLES]) for line in connectivity.lines] == [
        ("base", 10), ("base", 20), ("decay", 10), ("decay", 20),
    ]  # fmt: skip
    assert [line.position for line in connectivity.lines] == pytest.approx(
        [math.sqrt(2)] * 2 + [math.sqrt(8)] * 2
    )
