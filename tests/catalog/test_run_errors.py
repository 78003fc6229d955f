"""The standard error of a cell's mean: against formulas, and its coverage in simulations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import t as student

from landscape_catalog.catalog.run_errors import Members, standard_error_over_runs

SIMULATIONS = 1000


def pairs_of(n: int, which: str) -> list[Members]:
    """All pairs of n runs, or a ring of them."""
    if which == "all":
        return list(itertools.combinations(map(str, range(n)), 2))
    return [(str(i), str((i + 1) % n)) for i in range(n)]


@pytest.mark.parametrize(
    ("values", "members", "expected"),
    [
        ([1.0, 2.0, 6.0], [("a",), ("b",), ("c",)], math.sqrt(7 / 3)),
        ([1.0], [("a",)], math.nan),
        ([1.0, math.inf], [("a",), ("b",)], math.nan),
        ([4.0], [("a", "b")], math.nan),  # without a there is no pair
        ([4.0, 5.0], [("a", "b"), ("a", "c")], math.nan),  # the same
        ([4.0, 5.0], [("a", "b"), ("c", "d")], math.sqrt(3 / 4)),
        # Means without a, b, c: 3, 2, 1.
        ([1.0, 2.0, 3.0], [("a", "b"), ("a", "c"), ("b", "c")], math.sqrt(4 / 3)),
        ([2.0, 2.0, 2.0], [("a", "b"), ("a", "c"), ("b", "c")], 0.0),
        ([1.0, math.nan, 3.0], [("a", "b"), ("a", "c"), ("b", "c")], math.nan),
    ],
)
def test_small_cases(values: list[float], members: list[Members], expected: float) -> None:
    found = standard_error_over_runs(values, members)
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_sums_of_two_values_have_twice_the_error_of_the_values(n: int) -> None:
    """Over all pairs, the mean of a_i + a_j is twice that of a, exactly."""
    draw = np.random.default_rng(n)
    own = draw.normal(size=n)
    pairs = pairs_of(n, "all")
    sums = [float(own[int(i)] + own[int(j)]) for i, j in pairs]
    expected = 2 * own.std(ddof=1) / math.sqrt(n)
    assert standard_error_over_runs(sums, pairs) == pytest.approx(expected)


@pytest.mark.parametrize("which", ["all", "ring"])
@pytest.mark.parametrize("n", [3, 4, 5, 8])
@pytest.mark.parametrize(("of_runs", "of_pairs"), [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_intervals_cover_the_truth(n: int, which: str, of_runs: float, of_pairs: float) -> None:
    """A pair's value is the sum of its runs' effects and of one of its own; the mean is 0.

    The standard deviation over pairs divided by the root of their number, for comparison, covers
    49% at worst, with eight runs.
    """
    pairs = pairs_of(n, which)
    draw = np.random.default_rng(0)
    runs = of_runs * draw.normal(size=(SIMULATIONS, n))
    own = of_pairs * draw.normal(size=(SIMULATIONS, len(pairs)))
    first, second = (np.array([int(pair[end]) for pair in pairs]) for end in (0, 1))
    values = runs[:, first] + runs[:, second] + own
    errors = np.array([standard_error_over_runs(row, pairs) for row in values.tolist()])
    reach = student.ppf(0.975, n - 1) * errors
    coverage = float((np.abs(values.mean(1)) < reach).mean())
    assert 0.92 < coverage < 0.995
    stated = math.sqrt(float((errors**2).mean()))
    assert 0.95 < stated / values.mean(1).std() < 2.1
