"""Areas of the phases in closed form, and the interval of a count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from landscape_catalog.phases.facts.areas import areas_of, count_interval
from landscape_catalog.phases.facts.scale import lengths
from tests.phases.facts.planted import BATCH, NOISE, SAMPLES, WIDTH, diagram

PHASES = ("I", "II", "III", "IV-A", "IV-B", "NC", "unclassified", "mine")


def test_areas_are_those_of_the_rectangles_on_the_natural_scale() -> None:
    """log2 of the widths 1, 4, 8 is 0, 2, 3: cells of length 2, 1.5 and 1; batch sizes are even."""
    found = diagram({WIDTH: [1, 4, 8], BATCH: [64, 16]}, lambda p: "I" if p[WIDTH] == 1 else "II")
    (whole,) = areas_of(found)
    one, two = whole.phases
    assert (one.phase, one.count, one.share) == ("I", 2, pytest.approx(1 / 3))
    assert one.area == pytest.approx(2 / 4.5)
    assert (two.count, two.area) == (4, pytest.approx(2.5 / 4.5))
    assert one.expected is None
    assert whole.n_unknown == 6
    assert "I 2 (44% of the area)" in whole.words


def test_a_linear_axis_and_names_have_their_own_lengths() -> None:
    found = diagram(
        {NOISE: [0.0, 0.1, 0.4], "load.extra.activation": ["relu", "tanh"]},
        lambda p: "IV-B" if p[NOISE] == 0.4 and p["load.extra.activation"] == "relu" else "I",
    )
    assert lengths(found.axes[0]).tolist() == pytest.approx([0.3 / 0.6, 0.2 / 0.6, 0.1 / 0.6])
    best = areas_of(found)[0].phases[-1]
    assert (best.phase, best.count) == ("IV-B", 1)
    assert best.area == pytest.approx(0.5 * 0.5)  # 0.4 is the first value: the most load


def test_a_logarithmic_axis_with_a_zero_is_linear() -> None:
    found = diagram({"temperature.weight_decay": [0.0, 0.1, 0.3]})
    assert lengths(found.axes[0]).tolist() == pytest.approx([0.1 / 0.45, 0.15 / 0.45, 0.2 / 0.45])


def test_variants_and_facets_have_areas_of_their_own() -> None:
    found = diagram(
        {WIDTH: [1, 2], SAMPLES: [10, 20], BATCH: [8, 4]},
        lambda p: "I" if p["variant"] == "base" else f"{'II' if p[SAMPLES] == 10 else 'III'}",
        variants=("base", "decay"),
    )
    areas = areas_of(found)
    assert [(a.variant, a.settings) for a in areas] == [
        ("", {}), ("base", {}), ("decay", {}),
        ("base", {SAMPLES: 10}), ("base", {SAMPLES: 20}),
        ("decay", {SAMPLES: 10}), ("decay", {SAMPLES: 20}),
    ]  # fmt: skip
    assert [a.n_cells for a in areas] == [16, 8, 8, 4, 4, 4, 4]
    assert [one.phase for one in areas[-1].phases] == ["III"]


def test_the_interval_of_equal_chances_is_that_of_the_binomial() -> None:
    for n, p in ((1, 0.5), (20, 0.3), (300, 0.02)):
        low, high = stats.binom.ppf([0.05, 0.95], n, p)
        assert count_interval(np.full(n, p)) == (low, high)


def test_the_interval_holds_what_is_drawn() -> None:
    generator = np.random.default_rng(1)
    chances = generator.beta(0.5, 0.5, 60)
    drawn = (generator.random((20_000, 60)) < chances).sum(axis=1)
    low, high = count_interval(chances)
    assert np.mean((drawn >= low) & (drawn <= high)) >= 0.9
    assert np.mean((drawn > low) & (drawn < high)) < 0.9


def test_probabilities_give_expected_counts_and_areas() -> None:
    found = diagram({WIDTH: [1, 4, 8]}, lambda p: "I" if p[WIDTH] == 1 else "II")
    known = {"I": np.array([0.9, 0.2, np.nan]), "II": np.array([0.1, 0.7, np.nan])}
    known["III"] = np.array([0.0, 0.1, np.nan])
    (whole,) = areas_of(found, known)
    assert whole.n_unknown == 1
    one, two, three = whole.phases
    assert one.expected == pytest.approx(1.1)
    assert two.expected == pytest.approx(0.1 + 0.7 + 1)  # the unknown one counts as its label
    assert (three.count, three.expected) == (0, pytest.approx(0.1))
    assert (one.expected_low, one.expected_high) == (0, 2)  # P(0) = 0.08, P(2) = 0.18
    assert one.area_expected == pytest.approx((2 * 0.9 + 1.5 * 0.2) / 4.5)
    error = 1.6449 * math.hypot(2 / 4.5 * 0.3, 1.5 / 4.5 * 0.4)
    assert one.area_high == pytest.approx(one.area_expected + error, abs=1e-4)
    assert sum(a.area_expected for a in whole.phases) == pytest.approx(1)  # type: ignore[misc]


def test_without_phases_there_are_no_areas() -> None:
    assert areas_of(diagram({WIDTH: [1, 2]})) == ()


@given(st.lists(st.sampled_from(PHASES), min_size=6, max_size=6))
def test_counts_and_areas_add_up(labels: list[str]) -> None:
    names = iter(labels)
    found = diagram({WIDTH: [1, 3, 4], BATCH: [16, 8]}, lambda _: next(names))
    (whole,) = areas_of(found)
    assert sum(one.count for one in whole.phases) == 6
    assert sum(one.area for one in whole.phases) == pytest.approx(1)
    assert {one.phase for one in whole.phases} == set(labels)
