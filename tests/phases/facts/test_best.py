"""The best cell, its noise, and the cells that cannot be told from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from landscape_catalog.phases.facts.best import best_cells
from landscape_catalog.phases.facts.noise import noise_of
from tests.phases.facts.planted import BATCH, BATCHES, WIDTH, WIDTHS, diagram

GRID = {WIDTH: WIDTHS, BATCH: BATCHES}
N = len(WIDTHS) * len(BATCHES)


def test_peers_are_those_that_welchs_test_does_not_tell_apart() -> None:
    generator = np.random.default_rng(2)
    means = 90 + generator.standard_normal(N)
    errors = generator.uniform(0.1, 1.0, N)
    counts = generator.integers(2, 8, N)
    found = diagram(
        GRID,
        lambda p: "IV-B" if p[BATCH] > 100 else "II",
        means={"test_accuracy": means},
        standard_errors={"test_accuracy": errors},
        counts={"test_accuracy": counts},
    )
    (best,) = best_cells(found)
    at = int(np.argmax(means))
    assert (best.cell_id, best.value, best.noise) == (f"cell {at}", means[at], "runs")
    assert best.standard_error == errors[at]
    sds = errors * np.sqrt(counts)
    p = stats.ttest_ind_from_stats(
        means[at], sds[at], counts[at], means, sds, counts, equal_var=False
    ).pvalue
    alike = [i for i in np.argsort(-means) if i != at and p[i] >= 0.1]
    assert [peer.cell_id for peer in best.peers] == [f"cell {i}" for i in alike]
    assert 0 < len(alike) < N - 1
    assert sum(best.peer_phases.values()) == len(alike)
    assert all(peer.behind <= peer.half_width for peer in best.peers)


def test_the_lowest_loss_is_the_best() -> None:
    found = diagram(
        {WIDTH: [1, 2, 4]},
        means={"test_loss": np.array([0.5, 0.3, 0.31])},
        standard_errors={"test_loss": np.array([0.001, 0.01, 0.01])},
        counts={"test_loss": np.full(3, 5)},
        performance="test_loss",
        higher_is_better=False,
    )
    (best,) = best_cells(found)
    assert (best.settings, best.value, best.phase) == ({WIDTH: 2}, 0.3, "")
    assert [peer.behind for peer in best.peers] == [pytest.approx(0.01)]
    assert best.words == (
        "The lowest test loss of 3 cells is 0.3 (standard error 0.01), at width 2; 1 other cannot "
        "be told from it, by standard errors over runs."
    )


def test_each_variant_has_its_best_cell_and_nan_is_none() -> None:
    found = diagram(
        {WIDTH: [1, 2]},
        lambda p: "II" if p[WIDTH] == 2 else "NC",
        variants=("base", "decay", "lost"),
        means={"test_accuracy": np.array([np.nan, 70.0, 80.0, 75.0, np.nan, np.nan])},
    )
    best = best_cells(found)
    assert [(one.variant, one.value, one.n_compared) for one in best] == [
        ("base", 70.0, 1), ("decay", 80.0, 2),
    ]  # fmt: skip
    assert best[1].noise == "unknown"
    assert "it cannot be said which cells are as good" in best[1].words
    assert best[0].words.endswith("at width 2, variant base, in phase II.")


def test_noise_is_read_from_the_roughness_of_a_smooth_surface() -> None:
    """A curved surface with noise of 0.5: the estimate of most cells is near it."""
    generator = np.random.default_rng(3)
    widths, batches = [2**i for i in range(12)], [2**i for i in range(4, 14)]
    found = diagram({WIDTH: widths, BATCH: batches}, means={
        "test_accuracy": lambda p: 60 + 4 * np.log2(p[WIDTH]) - 0.1 * np.log2(p[BATCH] / 100) ** 2,
    })  # fmt: skip
    smooth = found.mean("test_accuracy").copy()
    medians = []
    for _ in range(20):
        found.means["test_accuracy"][:] = smooth + 0.5 * generator.standard_normal(len(smooth))
        noise = noise_of(found, "test_accuracy")
        assert noise.kind == "second differences"
        medians.append(np.median(noise.errors))
    assert np.mean(medians) == pytest.approx(0.5, rel=0.1)


def test_second_differences_of_a_straight_line_are_none_whatever_the_spacing() -> None:
    found = diagram({WIDTH: [1, 2, 16, 32, 64, 4096, 8192, 2**20]}, means={
        "test_accuracy": lambda p: 3 * np.log2(p[WIDTH]),
    })  # fmt: skip
    assert np.isnan(noise_of(found, "test_accuracy").errors).all()
    found.means["test_accuracy"][3] += 1
    assert noise_of(found, "test_accuracy").kind == "second differences"


def test_variances_over_runs_are_averaged_over_neighbours() -> None:
    found = diagram(
        {WIDTH: [1, 2, 4, 8], "load.extra.bias": ["on", "off"]},
        means={"test_accuracy": np.arange(8.0)},
        standard_errors={"test_accuracy": np.array([1, 9, 2, 9, np.nan, 9, 4, 9.0])},
        counts={"test_accuracy": np.array([5, 5, 3, 5, 0, 5, 5, 5])},
    )
    noise = noise_of(found, "test_accuracy")
    assert noise.kind == "runs"
    on = noise.errors[::2]
    assert on**2 == pytest.approx([(4 + 2 * 4) / 6, (4 + 2 * 4) / 6, (2 * 4 + 4 * 16) / 6, 16])
    assert noise.freedom[::2].tolist() == [6, 6, 6, 4]
    assert noise.errors[1::2] == pytest.approx(9)


def test_a_few_cells_have_no_known_noise() -> None:
    found = diagram({WIDTH: [1, 2, 4]}, means={"test_accuracy": np.array([1.0, 5.0, 2.0])})
    assert noise_of(found, "test_accuracy").kind == "unknown"
    assert noise_of(found, "test_loss").kind == "unknown"
