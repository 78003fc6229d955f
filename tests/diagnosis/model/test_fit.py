from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from landscape_catalog.diagnosis.model import DiagnosisModel
from landscape_catalog.diagnosis.model.calibration import slope_of
from landscape_catalog.diagnosis.model.features import feature_values, matrix
from landscape_catalog.diagnosis.model.gains import bins_of, predicted
from landscape_catalog.diagnosis.model.labels import differences, gains
from landscape_catalog.diagnosis.model.learners import MONOTONE, fit_question
from landscape_catalog.errors import QueryError
from tests.diagnosis.model.grids import BEST, WIDTHS, fitted, planted


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    return fitted()


def numbers(grid, i: int) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return {name: float(one[i]) for name, one in feature_values(grid).items()}


def test_the_advice_on_temperature_is_that_of_the_planted_grid(model: DiagnosisModel) -> None:
    """On another draw of the noise."""
    grid = planted(seed=1)
    away = grid.places[:, 2] - BEST[grid.places[:, 0]]
    found = model.predict(feature_values(grid)).probabilities["temperature"]
    right = (found > 0.5) == (away < 0)
    assert np.mean(right[away != 0]) > 0.97


def test_expected_gains_and_their_intervals_are_those_of_the_planted_grid(
    model: DiagnosisModel,
) -> None:
    grid = planted(seed=1)
    found = model.predict(feature_values(grid)).gains
    for action, gain in gains(grid).items():
        error = np.mean(np.abs(found[action].gain - gain))
        assert error < 0.6 * np.mean(np.abs(gain.mean() - gain)), action
        assert np.mean((found[action].low <= gain) & (gain <= found[action].high)) > 0.8, action
        assert np.all(found[action].low >= 0)


def test_the_answer_for_a_cold_wide_network(model: DiagnosisModel) -> None:
    """A cell at a minimum two steps colder than the best, where width is at its end."""
    grid = planted(seed=1)
    i = int(np.flatnonzero((grid.places == [4, 3, 0]).all(axis=1))[0])
    own = {**numbers(grid, i), "cka": 0.6, "train_loss": 0.002}
    found = model.answer(own)
    assert found.outside == found.missing == ()
    assert found.probabilities["temperature"] > 0.8
    by_action = {one.action: one for one in found.advice}
    assert by_action["hotter"].gain > by_action["colder"].gain
    assert by_action["hotter"].low <= by_action["hotter"].gain <= by_action["hotter"].high
    assert [one.gain for one in found.advice] == sorted(
        [one.gain for one in found.advice], reverse=True
    )
    assert "the training loss is 0.00" in by_action["hotter"].why
    assert "planted" in by_action["hotter"].why
    assert found.phase_prior == {"IV-A": 1.0}


def test_the_nearest_cell_of_a_fitted_cell_is_itself(model: DiagnosisModel) -> None:
    grid = planted()
    first = model.answer(numbers(grid, 37)).nearest[0]
    assert first.distance == pytest.approx(0, abs=1e-9)
    assert first.coordinates == {
        axis.path: axis.values[i] for axis, i in zip(grid.axes, grid.places[37])
    }
    assert first.test_accuracy == grid.mean("test_accuracy")[37]


def test_outside_of_the_range_there_is_no_advice_and_a_sentence(model: DiagnosisModel) -> None:
    found = model.answer({**numbers(planted(), 37), "cka": 0.99, "trace": 1e9})
    assert found.advice == () and found.probabilities == {}
    assert len(found.outside) == 2
    assert any(one.startswith("CKA 0.99 is not within 0.1") for one in found.outside)
    assert model.answer({**numbers(planted(), 37), "cka": np.inf}).advice == ()


@pytest.mark.parametrize("how", ["absent", "NaN"])
def test_without_a_feature_there_is_no_advice(how: str, model: DiagnosisModel) -> None:
    own = numbers(planted(), 37)
    for name in ("mode_connectivity", "cka"):
        if how == "NaN":
            own[name] = np.nan
        else:
            del own[name]
    found = model.answer(own)
    assert found.missing == ("mode_connectivity", "cka")
    assert found.advice == () and found.outside == ()
    assert len(found.nearest) == 5
    assert model.answer({}).nearest == ()


def test_sizes_are_features_only_if_asked(model: DiagnosisModel) -> None:
    with_sizes = fitted(sizes=True)
    paths = ["load.width", "load.samples", "temperature.batch_size"]
    assert [one.metric for one in with_sizes.features][-3:] == paths
    assert not {one.metric for one in model.features} & set(paths)
    own = numbers(planted(), 37)
    assert with_sizes.answer(own).missing == tuple(paths)
    assert with_sizes.answer(own, sizes=dict(zip(paths, (4, 1000, 64)))).advice
    assert with_sizes.answer(own, sizes=dict(zip(paths, (1024, 1000, 64)))).advice == ()


def test_gains_of_chosen_cells_are_those_of_the_whole_grid() -> None:
    grid = planted()
    narrow = np.flatnonzero(grid.places[:, 0] == 0)
    model = fitted(grid, chosen=narrow)
    assert model.reference.n_cells == len(narrow) and model.reference.n_grid == len(grid)
    assert max(model.cells.gains["wider"]) == pytest.approx(3.0 * (len(WIDTHS) - 1), abs=4.1)
    assert min(model.cells.gains["wider"]) > 0
    for question in model.questions.values():
        assert question.n <= len(narrow)


def test_one_answer_in_all_cells_needs_no_forest_and_the_reading_stands_alone() -> None:
    """Cells at a minimum only: of those above it, the declared reading speaks."""
    grid = planted()
    cold = np.flatnonzero(grid.places[:, 2] < BEST[grid.places[:, 0]])
    model = fitted(grid, chosen=cold)
    assert model.questions["temperature"].forest is None
    hot = np.flatnonzero((grid.places[:, 2] > BEST[grid.places[:, 0]]) & (grid.places[:, 0] >= 2))
    own = {name: one[hot] for name, one in feature_values(grid).items()}
    assert np.all(model.predict(own).probabilities["temperature"] < 0.5)


def test_a_source_without_a_metric_gives_a_model_without_it() -> None:
    grid = planted()
    means = {
        k: v for k, v in grid.means.items() if k not in ("cka", "mode_connectivity", "peak_error")
    }
    model = fitted(replace(grid, means=means))
    assert [one.metric for one in model.features] == [
        "train_loss",
        "train_error",
        "top_eigenvalue",
        "trace",
    ]
    assert model.questions["temperature"].regimes is None
    assert model.answer({name: float(one[37]) for name, one in means.items()}).advice


def test_the_peak_of_zhou_2024_is_the_peak_error_with_the_other_sign() -> None:
    grid = planted()
    peak = grid.mean("peak_error")
    means = {k: v for k, v in grid.means.items() if k != "peak_error"}
    renamed = replace(grid, means={**means, "mode_connectivity_peak": -peak})
    assert feature_values(renamed)["peak_error"] == pytest.approx(peak)


def test_cells_of_which_a_metric_is_unknown_are_left_out() -> None:
    grid = planted()
    cka = grid.mean("cka").copy()
    cka[:10] = np.nan
    model = fitted(replace(grid, means={**grid.means, "cka": cka}))
    assert model.cells.ids == grid.cell_ids[10:]


def test_declared_directions_hold() -> None:
    """However a forest is fitted: raising a feature alone moves no probability the other way."""
    grid = planted()
    values = feature_values(grid)
    x, names = matrix(values), list(values)
    r = np.random.default_rng(0)
    for question, margin in differences(gains(grid)).items():
        scrambled = np.where(r.random(len(x)) < 0.3, -margin, margin)
        fit = fit_question(question, names, x, scrambled, 1.0)
        assert fit.forest is not None
        for name, sign in MONOTONE[question].items():
            own, moved = x.copy(), x.copy()
            at = names.index(name)
            own[:, at] = r.permutation(x[:, at])
            moved[:, at] = own[:, at] + r.exponential(np.std(x[:, at]), len(x))
            change = fit.forest.predict(moved) - fit.forest.predict(own)
            assert np.all(sign * change >= -1e-5), (question, name)
            assert np.any(sign * change > 0.01), (question, name)


def test_the_declared_reading_gives_way_to_many_cells_only() -> None:
    regimes = fitted().questions["temperature"].regimes
    assert regimes is not None
    x = np.zeros((3, 7))
    x[:, regimes.train_loss] = np.log([0.001, 0.5, 0.5])
    x[:, regimes.mode_connectivity] = [0.0, -5.0, 5.0]
    assert regimes.regime(x).tolist() == [0, 1, 2]
    learned = np.array([0.1, 0.1, 0.9])
    few = regimes.model_copy(update={"cells": (0, 0, 0)}).combined(x, learned)
    many = regimes.model_copy(update={"cells": (10**6,) * 3}).combined(x, learned)
    even = regimes.model_copy(update={"cells": (40, 40, 40)}).combined(x, learned)
    assert few == pytest.approx([0.9, 0.9, 0.1])
    assert many == pytest.approx(learned, abs=1e-3)
    assert even == pytest.approx([0.5, 0.5, 0.5])


def test_intervals_cover_new_cells_in_each_bin() -> None:
    """Errors that grow with the expected gain, which one interval for all would not cover."""
    r = np.random.default_rng(0)
    expected = r.uniform(0, 10, 4000)
    gain = np.maximum(expected + r.normal(size=4000) * expected / 5, 0)
    found = predicted(expected[2000:], bins_of(expected[:2000], gain[:2000]))
    inside = (found.low <= gain[2000:]) & (gain[2000:] <= found.high)
    for low in (0, 2, 4, 6, 8):
        own = (expected[2000:] >= low) & (expected[2000:] < low + 2)
        assert 0.85 < inside[own].mean() < 0.97


def test_bins_of_equal_predictions() -> None:
    (only,) = bins_of(np.ones(100), np.arange(100.0))
    assert only.upto is None and only.positive == pytest.approx(100 / 102)


def test_calibration_makes_probabilities_less_sure_that_were_too_sure() -> None:
    r = np.random.default_rng(0)
    true = r.uniform(0.05, 0.95, 20000)
    outcome = r.random(20000) < true
    odds = true / (1 - true)
    assert slope_of(odds**2 / (1 + odds**2), outcome) == pytest.approx(0.5, abs=0.06)
    assert slope_of(true, outcome) == pytest.approx(1, abs=0.12)


def test_too_few_cells_and_no_temperature_are_refused() -> None:
    grid = planted()
    with pytest.raises(QueryError, match=r"planted: got 19 cells .* needs at least 20"):
        fitted(grid, chosen=np.arange(19))
    cold = grid.places[:, 2] == 0
    flat = replace(
        grid,
        axes=grid.axes[:2],
        cell_ids=tuple(np.array(grid.cell_ids)[cold]),
        places=grid.places[cold][:, :2],
        variant=grid.variant[cold],
        means={name: one[cold] for name, one in grid.means.items()},
    )
    with pytest.raises(QueryError, match="planted has no temperature axis"):
        fitted(flat)


def test_the_forest_is_scikit_learns() -> None:
    grid = planted()
    values, margin = feature_values(grid), differences(gains(grid))["data or temperature"]
    x, decided = matrix(values), margin != 0
    forest = RandomForestClassifier(60, min_samples_leaf=3, random_state=0).fit(
        x[decided], margin[decided] > 0
    )
    fit = fit_question("data or temperature", list(values), x, margin, 1.0)
    assert fit.forest is not None
    assert fit.forest.predict(x)[:, 0] == pytest.approx(forest.predict_proba(x)[:, 1], abs=1e-5)


@pytest.mark.parametrize(
    ("expected", "gain"),
    [(0.5, 0.0), (0.5, 3.0), (0.5, 0.5), (0.0, 2.0)],
    ids=["never so much", "always more", "exact", "from nothing"],
)
def test_an_expected_gain_lies_in_its_interval(expected: float, gain: float) -> None:
    bins = bins_of(np.full(100, expected), np.full(100, gain))
    found = predicted(np.array([expected]), bins)
    assert found.low[0] <= found.gain[0] <= found.high[0]
    assert found.low[0] <= gain <= found.high[0]
