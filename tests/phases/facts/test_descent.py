"""Double descent: the definition, its rates of false alarms and detection, and coincidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.bump import chance, peak_at, statistic
from landscape_catalog.phases.facts.coincidence import (
    MarkedLine,
    coincidence,
    ridges,
    steepest_step,
)
from landscape_catalog.phases.facts.descent import Descent, descents_of
from tests.phases.facts.planted import BATCH, WIDTH, diagram

WIDTHS, BATCHES = [2**i for i in range(13)], [2**i for i in range(4, 14)]
ACCURACY = "test_accuracy"


def brute_force(values: np.ndarray) -> float:
    """The largest min(e_b - e_a, e_b - e_c) with a < b < c that is attained against the lowest."""
    sizes = [
        min(values[b] - values[:b].min(), values[b] - values[b + 1 :].min())
        for b in range(1, len(values) - 1)
    ]
    return max(sizes)


@given(st.lists(st.integers(0, 20), min_size=3, max_size=9))
def test_the_size_is_that_of_the_worst_point_between_two_better_ones(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=float)
    peak = peak_at(values)
    expected = brute_force(values)
    assert (0.0 if peak is None else peak.size) == max(expected, 0.0)
    if peak is not None:
        assert peak.before < peak.at < peak.after
        assert values[peak.at] - max(values[peak.before], values[peak.after]) == peak.size
        t, at = statistic(values, np.ones(len(values)))
        assert t * np.sqrt(2) == pytest.approx(expected)
        assert peak_at(values, at).size == expected  # type: ignore[union-attr]


def test_an_end_is_no_peak() -> None:
    for values in ([1.0, 2, 3], [3.0, 2, 1], [3.0, 1, 3], [1.0, 1, 1], [1.0, 2]):
        assert peak_at(np.array(values)) is None


@pytest.mark.parametrize("freedom", [8, 1000])
def test_p_values_of_flat_noise_are_uniform(freedom: int) -> None:
    generator = np.random.default_rng(5)
    p = []
    for _ in range(2_000):
        sd = np.sqrt(generator.chisquare(freedom) / freedom)
        observed, _ = statistic(generator.standard_normal(10), np.full(10, sd))
        p.append(chance(observed, 10, freedom))
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=0.012 + level / 20)


def grid(
    error: Callable[[dict[str, Any]], float],
    seed: int,
    noise: float = 1.0,
    *,
    runs: bool,
    **more: Any,
) -> Diagram:
    """A grid of 13 widths and 10 batch sizes with test errors and noise, from five runs or one."""
    generator = np.random.default_rng(seed)
    n = len(WIDTHS) * len(BATCHES)
    sample = noise * np.sqrt(5) * generator.standard_normal((n, 5))
    found = diagram({WIDTH: WIDTHS, BATCH: BATCHES}, means={ACCURACY: lambda p: -error(p)}, **more)
    found.means[ACCURACY][:] += sample.mean(axis=1)  # type: ignore[index]
    if not runs:
        return found
    errors = {ACCURACY: sample.std(axis=1, ddof=1) / np.sqrt(5)}
    return Diagram(
        **{
            **vars(found),
            "standard_errors": errors,
            "counts": {ACCURACY: np.full(n, 5)},
        }
    )


def along(found: tuple[Descent, ...], path: str) -> Descent:
    return next(one for one in found if one.axis == path)


NULLS: dict[str, Callable[[dict[str, Any]], float]] = {
    "flat": lambda p: 30.0,
    "falling": lambda p: 40 - 1.5 * np.log2(p[WIDTH]),
    "valley": lambda p: 40 - np.log2(p[WIDTH]) + 0.3 * (np.log2(p[BATCH]) - 8) ** 2,
}


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("null", NULLS)
def test_false_alarms_are_as_rare_as_they_are_said_to_be(null: str, runs: bool) -> None:
    """Without any peak, at most 10% of grids have a significant line, and 5% of lines a candidate.

    Measured over 40 grids of 23 lines.
    """
    alarms, candidates, lines = 0, 0, 0
    for seed in range(40):
        found = descents_of(grid(NULLS[null], seed, runs=runs))
        alarms += any(one.n_significant for one in found)
        candidates += sum(one.n_candidates for one in found)
        lines += sum(one.n_lines for one in found)
    assert lines == 40 * 23
    assert alarms <= 8  # the 95% quantile of 40 draws at 10%
    assert candidates / lines <= 0.07  # two standard errors above 5%


def bumpy(size: float) -> Callable[[dict[str, Any]], float]:
    """Error falls with the width, with a bump of two widths between two valleys: `size` - 0.25."""

    def error(point: dict[str, Any]) -> float:
        at = WIDTHS.index(point[WIDTH])
        valley = 40 - 3.0 * min(at, 4) - 0.25 * max(at - 4, 0)
        return float(valley + {7: size, 8: size - 1.0}.get(at, 0.0))

    return error


@pytest.mark.parametrize(("runs", "least"), [(True, 0.9), (False, 0.45)])
def test_planted_peaks_are_detected(runs: bool, least: float) -> None:
    """A bump of 6 standard errors over the valley before it, on all 10 lines along the width."""
    found = [along(descents_of(grid(bumpy(6.25), s, runs=runs)), WIDTH) for s in range(10)]
    assert np.mean([one.n_significant / one.n_lines for one in found]) >= least
    for one in found:
        peaks = [bump for bump in one.bumps if bump.significant]
        assert all(bump.peak in (WIDTHS[7], WIDTHS[8]) for bump in peaks)
        assert one.n_ridges <= 2
        assert one.p_value is not None
        assert one.p_value < 0.05


def test_the_numbers_of_a_planted_peak_without_noise_in_it() -> None:
    found = along(descents_of(grid(bumpy(6.0), 0, 1e-3, runs=True)), WIDTH)
    assert found.n_significant == found.n_lines == 10
    assert (found.n_ridges, found.noise, found.metric) == (1, "runs", ACCURACY)
    for bump in found.bumps:
        assert bump.size == pytest.approx(6.0 - 0.25, abs=0.01)
        assert bump.first_descent == pytest.approx(12.0 + 0.25 * 2, abs=0.01)
        assert (bump.valley_before, bump.peak, bump.valley_after) == (64, 128, 4096)
        assert bump.cell_id.startswith("cell")
    assert found.words.startswith(
        "Along width, test error rises and falls again beyond noise on 10 of 10 lines. The largest "
        "is 5.8 ± "
    )


def test_a_metric_of_which_less_is_better_is_taken_as_it_is() -> None:
    values = np.array([5.0, 2, 4, 1, 1, 0.9, 0.8, 0.7, 0.6])
    found = diagram(
        {WIDTH: [2**i for i in range(9)]},
        means={"test_loss": values},
        standard_errors={"test_loss": np.full(9, 0.01)},
        counts={"test_loss": np.full(9, 5)},
        performance="test_loss",
        higher_is_better=False,
    )
    (one,) = descents_of(found)
    assert [(b.peak, b.size, b.first_descent) for b in one.bumps] == [(4, 2.0, 3.0)]
    assert "test loss rises and falls again" in one.words


def test_missing_values_and_names_are_left_out() -> None:
    values = np.array([9.0, np.nan, 2, 8, np.nan, 3, 1.0])
    found = diagram({WIDTH: [2**i for i in range(7)]}, means={ACCURACY: -values})
    (one,) = descents_of(found)
    assert (one.noise, one.n_lines, one.p_value) == ("unknown", 1, None)
    assert [(b.valley_before, b.peak, b.valley_after, b.size) for b in one.bumps] == [(4, 8, 64, 6)]
    assert "cannot be told from noise" in one.words
    assert (
        descents_of(diagram({"load.extra.name": list("abcdef")}, means={ACCURACY: lambda _: 1.0}))
        == ()
    )
    assert descents_of(diagram({WIDTH: [1, 2]}, means={ACCURACY: np.array([1.0, 2.0])})) == ()


def test_the_steepest_step_is_that_of_the_logarithm() -> None:
    assert steepest_step(np.array([1.0, 10.0, 12.0, 200.0, 210.0])) == 2.5
    assert steepest_step(np.array([1.0, np.nan, 3.0])) is None
    assert steepest_step(np.array([-1.0, 0.0, 0.0])) is None
    assert steepest_step(np.array([2.0, 2.0])) is None


def test_neighbouring_peaks_form_ridges() -> None:
    places = np.array([[0, 0], [0, 1], [0, 2], [0, 4], [1, 4], [3, 0]])
    peaks = np.array([5, 6, 8, 8, 7, 5])
    assert ridges(places, peaks).tolist() == [0, 0, 1, 2, 2, 3]


def test_peaks_at_their_marks_are_no_chance_and_others_are() -> None:
    near = [MarkedLine(13, 3 + i % 7, 3.5 + i % 7, i) for i in range(10)]
    found = coincidence("train_loss", near)
    assert found is not None
    assert (found.distance, found.n_lines) == (0.5, 10)
    assert found.p_value < 0.001
    assert found.by_chance == pytest.approx(
        np.mean([[abs(b - line.mark) for b in range(1, 12)] for line in near]), rel=0.02
    )
    one_ridge = [MarkedLine(13, 5, 5.5, 0) for _ in range(10)]
    alone = coincidence("train_loss", one_ridge)
    assert alone is not None
    assert alone.p_value == pytest.approx(2 / 11, abs=0.02)  # two of 11 places are as near
    assert coincidence("train_loss", []) is None


def test_chance_placements_have_uniform_p_values() -> None:
    generator = np.random.default_rng(8)
    p = []
    for _ in range(300):
        lines = [
            MarkedLine(
                13, int(generator.integers(1, 12)), float(generator.integers(0, 12)) + 0.5, i
            )
            for i in range(6)
        ]
        found = coincidence("trace", lines)
        assert found is not None
        p.append(found.p_value)
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.05)


def test_peaks_are_compared_with_the_transitions_of_their_lines() -> None:
    """The Hessian jumps at the peak, the loss at the other end, and flat cells begin there."""

    def at(point: dict[str, Any]) -> int:
        return WIDTHS.index(point[WIDTH])

    found = grid(
        bumpy(6.0), 0, 1e-3, runs=True, phase=lambda p: "I" if at(p) < 7 else "IV-B"
    )  # fmt: skip
    found.means["top_eigenvalue"] = np.array(  # type: ignore[index]
        [1e3 if i < 7 else 1.0 for i in found.places[:, 0]]
    )
    found.means["train_loss"] = np.array(  # type: ignore[index]
        [1.0 if i < 1 else 0.1 for i in found.places[:, 0]]
    )
    marks = {one.mark: one for one in along(descents_of(found), WIDTH).coincidences}
    assert {name: one.distance for name, one in marks.items()} == {
        "top_eigenvalue": 0.5, "train_loss": 6.5, "sharpness": 0.5,
    }  # fmt: skip
    assert {one.n_lines for one in marks.values()} == {10}
