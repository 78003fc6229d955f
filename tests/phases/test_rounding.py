"""Shares of samples that equal a threshold in counts equal it as floats, whatever their rounding."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest

from landscape_catalog.phases import CellNumbers, Yang2021
from landscape_catalog.phases.criterion import is_met

RULE = Yang2021()  # tolerance 1, top eigenvalue 76, training loss 0.05, CKA 0.5


def exact_and_float(ends: tuple[int, int], middle: int, n: int) -> tuple[Fraction, float]:
    """mc from numbers of wrong samples at both ends and between them, in points of n samples."""
    exact = Fraction(100 * (ends[0] + ends[1]), 2 * n) - Fraction(100 * middle, n)
    errors = [100 * wrong / n for wrong in (*ends, middle)]
    return exact, (errors[0] + errors[1]) / 2 - errors[2]


@pytest.mark.parametrize("n", [200, 1000, 1437, 2000, 50_000])
@pytest.mark.parametrize("sign", [-1, 1])
def test_mode_connectivity_is_compared_by_counts(n: int, sign: int) -> None:
    """Pairs whose exact mean is at, one count above and one count below the tolerance."""
    for first, other in itertools.product(range(12), range(12)):
        base = (first + other) // 2 + n // 5
        for shift in (-1, 0, 1):
            middle = base - sign * (n // 100 + shift)
            exact, found = exact_and_float((first + n // 5, other + n // 5), middle, n)
            means = {
                "train_loss": 0.01,
                "top_eigenvalue": 9.0,
                "mode_connectivity": found,
                "cka": 0.9,
            }
            phase = RULE.classify(CellNumbers(2, 2, means)).phase
            expected = "III" if exact < -1 else "II" if exact > 1 else "IV-B"
            assert phase == expected, (exact, found)


def test_rounding_would_decide_without_counts() -> None:
    exact, found = exact_and_float((20, 27), 33, 1000)[0], 0.0
    decided = set()
    for middle in range(30, 60):
        exact, found = exact_and_float((2 * middle - 20 - 23, 23), middle, 1000)
        assert exact == -1
        decided.add(found < -1)
    assert decided == {False, True}


@pytest.mark.parametrize(
    ("value", "relation", "threshold", "expected"),
    [
        (-1.0 - 4e-16, "<", -1.0, False),
        (-1.0 - 1e-6, "<", -1.0, True),
        (1.0 + 4e-16, ">", 1.0, False),
        (1.0 + 1e-6, ">", 1.0, True),
        (0.5 - 1e-16, ">=", 0.5, True),
        (0.5 - 1e-6, ">=", 0.5, False),
        (-3e-17, "<", 0.0, False),
        (-0.001, "<", 0.0, True),
        (5.0, ">", math.inf, False),
        (5.0, "<", -math.inf, False),
        (math.nan, "<", -1.0, False),
        (math.nan, ">=", 0.5, False),
        (1e-5, ">", 0.9999e-5, True),
    ],
)
def test_a_comparison(value: float, relation: str, threshold: float, expected: bool) -> None:
    assert is_met(value, relation, threshold) is expected  # type: ignore[arg-type]
