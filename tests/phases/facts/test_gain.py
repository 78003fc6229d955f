"""The gain of a variant against the distance from the connectivity boundary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landscape_catalog.phases.facts.gain import gains_of
from tests.phases.facts.planted import BATCH, NOISE, SAMPLES, WIDTH, diagram

WIDTHS = [1, 2, 4, 8, 16, 32]


def phase(point: dict[str, Any]) -> str:
    """Well connected from width 8 on; the hottest cells have not converged."""
    if point.get(BATCH) == 8:
        return "NC"
    return "III" if point[WIDTH] < 8 else "IV-B"


def accuracy(point: dict[str, Any]) -> float:
    """Best at batch size 32; the gain is 5 less 1.5 per step from the boundary (width 5.66)."""
    steps = abs(WIDTHS.index(point[WIDTH]) - 2.5)
    value = 50 + WIDTHS.index(point[WIDTH]) - abs(np.log2(point[BATCH] / 32))
    if point["variant"] == "decay":
        value += 5 - 1.5 * steps
    return float(value + 100 * (point[BATCH] == 8))


def test_the_slope_and_the_largest_gain_are_the_planted_ones() -> None:
    found = diagram(
        {WIDTH: WIDTHS, BATCH: [64, 32, 16, 8]},
        phase,
        variants=("base", "decay", "warm"),
        means={"test_accuracy": accuracy},
        standard_errors={"test_accuracy": lambda _: 0.3},
    )
    decay, warm = gains_of(found)
    assert (decay.variant, decay.base, decay.axis) == ("decay", "base", WIDTH)
    assert [load.steps for load in decay.loads] == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    assert [load.distance for load in decay.loads] == pytest.approx(
        [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    )
    assert [load.gain for load in decay.loads] == pytest.approx(
        [1.25, 2.75, 4.25, 4.25, 2.75, 1.25]
    )
    assert [load.connected for load in decay.loads] == [False] * 3 + [True] * 3
    assert decay.loads[0].standard_error == pytest.approx(0.3 * np.sqrt(2))
    assert decay.slope == pytest.approx(-1.5)
    assert (decay.slope_low, decay.slope_high) == (pytest.approx(-1.5), pytest.approx(-1.5))
    assert decay.loads[decay.largest].settings in ({WIDTH: 4}, {WIDTH: 8})
    assert {load.gain for load in warm.loads} == {0.0}
    assert "0.5 steps from the connectivity boundary" in decay.words


def test_the_interval_holds_the_slope_in_nine_of_ten_cases() -> None:
    generator = np.random.default_rng(4)
    held = []
    for _ in range(300):
        found = diagram(
            {WIDTH: WIDTHS, BATCH: [64, 32]},
            phase,
            variants=("base", "decay"),
            means={"test_accuracy": accuracy},
        )
        hot = np.array([found.axes[1].values[place] == 64 for place in found.places[:, 1]])
        found.means["test_accuracy"][hot] = 0.0  # type: ignore[index]
        found.means["test_accuracy"][~hot] += generator.standard_normal((~hot).sum())  # type: ignore[index]
        (gain,) = gains_of(found)
        held.append(gain.slope_low <= -1.5 <= gain.slope_high)  # type: ignore[operator]
    assert 0.85 <= np.mean(held) <= 0.95


def test_lines_have_intercepts_of_their_own() -> None:
    """With more samples the boundary lies elsewhere and the gain is larger."""

    def own_phase(point: dict[str, Any]) -> str:
        return "I" if point[WIDTH] < (4 if point[SAMPLES] == 10 else 16) else "II"

    def own_accuracy(point: dict[str, Any]) -> float:
        middle, level = (1.5, 0.0) if point[SAMPLES] == 10 else (3.5, 20.0)
        steps = abs(WIDTHS.index(point[WIDTH]) - middle)
        return 50 + (point["variant"] == "decay") * (level + 10 - 2 * steps)

    found = diagram(
        {WIDTH: WIDTHS, SAMPLES: [10, 20], BATCH: [64]},
        own_phase,
        variants=("base", "decay"),
        means={"test_accuracy": own_accuracy},
    )
    (gain,) = gains_of(found)
    assert gain.slope == pytest.approx(-2)
    assert gain.n_in_slope == 12
    assert gain.loads[gain.largest].settings == {WIDTH: 8, SAMPLES: 20}


def test_a_descending_axis_and_a_loss_have_their_own_direction() -> None:
    """Less noise is less load: the connected side is that of small values."""
    found = diagram(
        {NOISE: [0.4, 0.2, 0.1, 0.0], BATCH: [16]},
        lambda p: "III" if p[NOISE] > 0.15 else "IV-B",
        variants=("base", "decay"),
        means={"test_loss": lambda p: 1.0 - 0.2 * (p["variant"] == "decay")},
        performance="test_loss",
        higher_is_better=False,
    )
    (gain,) = gains_of(found)
    assert [load.gain for load in gain.loads] == pytest.approx([0.2] * 4)
    assert [load.steps for load in gain.loads] == [-1.5, -0.5, 0.5, 1.5]
    assert [load.distance for load in gain.loads] == pytest.approx([-0.25, -0.05, 0.05, 0.15])
    assert gain.slope == pytest.approx(0)


def test_without_a_boundary_there_is_a_gain_and_no_slope() -> None:
    found = diagram(
        {WIDTH: [1, 2, 4]},
        lambda _: "IV-B",
        variants=("base", "decay"),
        means={"test_accuracy": lambda p: 50.0 + (p["variant"] == "decay") * p[WIDTH]},
    )
    (gain,) = gains_of(found)
    assert [load.gain for load in gain.loads] == [1, 2, 4]
    assert (gain.slope, gain.n_in_slope, gain.largest) == (None, 0, 2)
    assert gain.words.endswith("its slope against the distance from the boundary is unknown.")


def test_one_variant_has_no_gain_and_one_without_values_neither() -> None:
    assert gains_of(diagram({WIDTH: [1, 2]}, means={"test_accuracy": np.ones(2)})) == ()
    lost = diagram(
        {WIDTH: [1, 2]},
        variants=("base", "decay"),
        means={"test_accuracy": np.array([1, 2, np.nan, np.nan])},
    )
    assert gains_of(lost) == ()


def test_without_a_load_axis_the_single_load_has_a_gain() -> None:
    found = diagram(
        {BATCH: [64, 16]},
        lambda _: "IV-B",
        variants=("base", "decay"),
        means={"test_accuracy": lambda p: p[BATCH] + (p["variant"] == "decay")},
    )
    (gain,) = gains_of(found)
    assert (gain.axis, [load.gain for load in gain.loads]) == ("", [1.0])
    assert "at the only load: 1.0 points" in gain.words
