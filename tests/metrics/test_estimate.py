"""Spreads are correctly rounded, as those of the standard library's fractions are."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.metrics.estimate import rounded_root, spread_of, sum_of_squares

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, min_size=2, max_size=8))
def test_the_spread_is_the_exact_one_rounded_once(values: list[float]) -> None:
    squares, scale = sum_of_squares(values)
    try:
        exact = statistics.stdev(values), statistics.pstdev(values), statistics.pvariance(values)
    except OverflowError:
        return
    assert spread_of(values) == exact[0]
    assert rounded_root(squares, scale * len(values)) == exact[1]
    assert squares / (scale * len(values)) == exact[2]


def test_a_spread_beyond_the_largest_float_is_unknown() -> None:
    assert math.isnan(spread_of([1.7e308, -1.7e308]))
    assert math.isnan(spread_of([1.0, math.inf]))
    assert math.isnan(spread_of([1.0]))


@given(st.integers(1, 10**40), st.integers(1, 10**40))
def test_the_root_of_a_fraction_is_the_nearest_float(numerator: int, denominator: int) -> None:
    """No float is nearer: the fraction lies between the squares of the middles to its neighbours."""
    root = rounded_root(numerator, denominator)
    lower, upper = (
        (Fraction(root) + Fraction(math.nextafter(root, to))) / 2 for to in (0.0, math.inf)
    )
    assert lower**2 <= Fraction(numerator, denominator) <= upper**2
