"""Statistics of the claims: blocks and their errors, lines, rankings, frequencies, ridges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from landscape_catalog.phases.claims import UntestableError
from landscape_catalog.phases.claims.fluctuation import best_split, mean_ridge
from landscape_catalog.phases.claims.frequency import Frequency
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.lines import expected_best, half_difference
from landscape_catalog.phases.claims.margins import Margin
from landscape_catalog.phases.claims.ranking import RankingTask, rank_correlation
from landscape_catalog.phases.claims.resampling import (
    DEPENDENCE,
    blocks_of,
    error_of_mean,
    jackknife,
    mean_over,
)
from tests.phases.claims.worlds import LARGE, World, smooth_noise


def lattice(*shape: int) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, shape))))


@pytest.mark.parametrize(
    ("shape", "n_blocks"),
    [((4,), 4), ((8,), 8), ((15,), 9), ((4, 4), 8), ((13, 10), 9), ((13, 10, 13), 9)],
)
def test_blocks_are_of_neighbours_and_of_like_size(shape: tuple[int, ...], n_blocks: int) -> None:
    places = lattice(*shape)
    blocks = blocks_of(places)
    sizes = np.bincount(blocks)
    assert len(sizes) == n_blocks
    assert sizes.max() <= 1.5 * sizes.min() + 1
    for block in range(n_blocks):
        extent = np.ptp(places[blocks == block], axis=0) + 1
        assert np.prod(extent) <= 2 * sizes[block]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_every_unit_is_in_a_block_and_equal_places_in_the_same(places: list) -> None:
    blocks = blocks_of(np.array(places))
    of_place: dict = {}
    for place, block in zip(places, blocks):
        assert of_place.setdefault(place, block) == block
    assert set(blocks) == set(range(blocks.max() + 1))


def test_the_error_of_a_mean_is_that_of_its_blocks() -> None:
    """With 4 blocks: the standard error of the mean of their means, scaled for dependence."""
    values, places = np.array([1.0, 5.0, 2.0, 3.0]), lattice(4)
    found = mean_over(values, places, units="lines")
    covariance = DEPENDENCE ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    of_mean = covariance.sum() / 16
    expected = np.sqrt(values.var(ddof=1) * of_mean / ((4 - 4 * of_mean) / 3))
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(expected)
    assert found.error > values.std(ddof=1) / 2
    assert 2 < found.freedom < 3


def test_a_linear_trend_is_no_error() -> None:
    places = lattice(9, 10)
    blocks = blocks_of(places)
    centres = np.array([places[blocks == b].mean(axis=0) for b in range(9)])
    noise = np.random.default_rng(0).normal(size=9)
    plain = error_of_mean(noise, places, blocks)
    assert error_of_mean(noise + centres @ [3.0, -7.0], places, blocks) == pytest.approx(plain)


def test_the_error_is_exact_for_dependent_units() -> None:
    """In expectation: of noise with the covariance that is assumed."""
    places = lattice(12, 3)
    blocks = blocks_of(places)
    steps = np.abs(places[:, None] - places[None]).sum(axis=2)
    root = np.linalg.cholesky(DEPENDENCE**steps)
    average = (blocks == np.unique(blocks)[:, None]) / np.bincount(blocks)[:, None]
    # The expectation of a quadratic form is the sum over the columns of a root of the covariance.
    squares = [error_of_mean(column, places, blocks)[0] ** 2 for column in (average @ root).T]
    of_blocks = average @ DEPENDENCE**steps @ average.T
    assert sum(squares) == pytest.approx(of_blocks.sum() / len(average) ** 2)


@pytest.mark.parametrize("shape", [(4,), (8,), (15,), (13, 10)])
def test_a_limit_is_exceeded_as_often_as_it_says(shape: tuple[int, ...]) -> None:
    """Of the mean of noise whose neighbours are correlated by DEPENDENCE; the true mean is 0."""
    rng, places, n = np.random.default_rng(0), lattice(*shape), 1500
    lows = []
    for _ in range(n):
        values = smooth_noise((1, *shape), DEPENDENCE, rng)
        found = jackknife(lambda kept, v=values: float(v[kept].mean()), places)
        lows.append(found.interval(0.02)[0])
    share = np.mean(np.array(lows) > 0)
    assert share < stats.binom.ppf(0.9999, n, 0.02) / n


def test_an_effect_that_hangs_on_one_block_is_not_tested() -> None:
    places = lattice(8)
    with pytest.raises(UntestableError, match="single block"):
        jackknife(lambda kept: float("nan") if not kept[0] else 1.0, places)
    with pytest.raises(UntestableError, match="too few lines: 3, and 4 are needed"):
        mean_over(np.array([1.0, 2.0, np.nan, 3.0]), lattice(4), units="lines")


def test_half_difference_leaves_out_what_is_missing() -> None:
    assert half_difference(np.array([1.0, np.nan, 3.0])) == 2.0
    assert np.isnan(half_difference(np.array([1.0, np.nan])))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=7), st.data())
def test_expected_best_is_the_mean_over_all_choices(
    values: list[float], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(values)))
    choices = [max(chosen) for chosen in itertools.combinations(values, n)]
    assert expected_best(np.array(values), n) == pytest.approx(np.mean(choices), abs=1e-9)


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(5, size=50), rng.normal(size=50)
    expected = stats.spearmanr(one, other).statistic
    assert rank_correlation(one, other) == pytest.approx(expected)
    assert rank_correlation(np.ones(5), other[:5]) == 0.0


def test_predictions_for_a_block_do_not_use_it() -> None:
    """The same as fits that leave out each block, one after the other."""
    grid = Grid(World(axes=LARGE, accuracy_by_all=3.0).diagram(0))
    task = RankingTask(grid, ("cka", "mode_connectivity"))
    features = np.hstack([task._features[name] for name in task.metrics])
    design = np.column_stack([np.ones(len(features)), features])
    predicted = np.zeros(len(features))
    for block in np.unique(task.blocks):
        out = task.blocks == block
        weights = np.linalg.lstsq(design[~out], task.target[~out], rcond=None)[0]
        predicted[out] = features[out] @ weights[1:]
    everything = np.ones(len(features), dtype=bool)
    expected = stats.spearmanr(predicted, task.target).statistic
    assert task.correlation(task.metrics, everything) == pytest.approx(expected, abs=1e-4)


def test_all_temperatures_of_a_landscape_are_in_one_block() -> None:
    grid = Grid(World(axes=LARGE).diagram(0))
    blocks = RankingTask(grid, ("cka",)).blocks
    for landscape in np.unique(grid.diagram.landscapes):
        assert len(set(blocks[grid.diagram.landscapes == landscape])) == 1


@pytest.mark.parametrize(("seen", "n"), [(0, 30), (3, 30), (30, 30)])
def test_limits_of_a_frequency_are_exact(seen: int, n: int) -> None:
    low, high = Frequency(seen, n).interval(0.01)
    if seen:
        assert stats.binom.sf(seen - 1, n, low) == pytest.approx(0.01)
    if seen < n:
        assert stats.binom.cdf(seen, n, high) == pytest.approx(0.01)
    assert low <= seen / n <= high


@pytest.mark.parametrize(
    ("kinds", "expected"), [("ssff", 2), ("sfff", 1), ("ffss", 2), ("sfsfff", 3), ("ffsfss", 2)]
)
def test_best_split(kinds: str, expected: int) -> None:
    found = best_split(np.array([kind == "s" for kind in kinds]))
    wrong = [
        min(
            kinds[:k].count("f") + kinds[k:].count("s"),
            kinds[:k].count("s") + kinds[k:].count("f"),
        )
        for k in range(1, len(kinds))
    ]
    assert wrong[found - 1] == min(wrong)
    assert wrong[expected - 1] == min(wrong)


def test_noise_and_slopes_make_no_ridge() -> None:
    """The transition is not found from the error, so that noise alone gives a negative height."""
    heights = [
        mean_ridge(
            Grid(World(axes=LARGE, dependence=0.0).diagram(seed)),
            "temperature.batch_size",
            np.ones(1690, dtype=bool),
        ).value
        for seed in range(5)
    ]
    assert max(heights) < 0


@pytest.mark.parametrize(
    ("margin", "interval", "finding"),
    [
        (Margin("above", 1.0, ""), (1.1, 2.0), "contains"),
        (Margin("above", 1.0, ""), (0.9, 2.0), ""),
        (Margin("above", 1.0, ""), (-0.5, 0.9), "short"),
        (Margin("above", 1.0, ""), (-3.0, -1.1), "opposite"),
        (Margin("within", 1.0, ""), (-0.9, 0.9), "contains"),
        (Margin("within", 1.0, ""), (0.5, 1.1), ""),
        (Margin("within", 1.0, ""), (-3.0, -1.1), "opposite"),
        (Margin("below", 0.5, ""), (-1.0, 0.4), "contains"),
        (Margin("below", 0.5, ""), (0.6, 0.9), "opposite"),
    ],
)
def test_margins(margin: Margin, interval: tuple[float, float], finding: str) -> None:
    low, high = interval
    assert margin.contains(low, high) == (finding == "contains")
    assert margin.opposite(low, high) == (finding == "opposite")
    assert margin.short(high) == (finding in ("short", "opposite") and margin.aim == "above")
