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
    return fitted(reduced=True)


def numbers(grid, i: int) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return {name: float(one[i]) for name, one in feature_values(grid).items()}


def test_the_advice_on_temperature_is_that_of_the_planted_grid(model: DiagnosisModel) -> None:
    """On another draw of the noise."""
    grid = planted(seed=1)
    away = grid.places[:, 2] - BEST[grid.places[:, 0]]
    found = model.predictors[0].predict(feature_values(grid)).probabilities["temperature"]
    right = (found > 0.5) == (away < 0)
    assert np.mean(right[away != 0]) > 0.97


def test_expected_gains_and_their_intervals_are_those_of_the_planted_grid(
    model: DiagnosisModel,
) -> None:
    grid = planted(seed=1)
    found = model.predictors[0].predict(feature_values(grid)).gains
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
@pytest.mark.parametrize(
    "missing", [("mode_connectivity", "peak_error"), ("peak_error",), ("cka",)], ids=" ".join
)
def test_without_a_metric_the_others_answer(
    missing: tuple[str, ...], how: str, model: DiagnosisModel
) -> None:
    """The answer is that of a model that never saw the metric, and says so."""
    own = numbers(planted(), 37)
    for name in missing:
        if how == "NaN":
            own[name] = np.nan
        else:
            del own[name]
    found = model.answer(own)
    assert found.missing == missing and found.outside == ()
    without = ("cka",) if "cka" in missing else ("mode_connectivity", "peak_error")
    assert found.without == without
    assert {one.action for one in found.advice} == {"hotter", "colder", "wider", "more data"}
    assert found.tested is not None and not set(found.tested.features) & set(without)
    grid = planted()
    lacking = {name: one for name, one in grid.means.items() if name not in without}
    alone = fitted(replace(grid, means=lacking)).answer(own)
    for one, other in zip(found.advice, alone.advice):
        assert (one.action, one.gain, one.low, one.high) == (
            other.action, other.gain, other.low, other.high
        )  # fmt: skip
    if "cka" not in missing:
        assert not any("curve" in one.why or "connected" in one.why for one in found.advice)


def test_a_single_run_at_a_minimum_may_be_hotter_whatever_connectivity_is(
    model: DiagnosisModel,
) -> None:
    """Of other changes nothing is said, nor above a minimum, where connectivity decides."""
    grid = planted()
    of_runs = ("train_loss", "train_error", "top_eigenvalue", "trace")
    cold, hot = (
        int(np.flatnonzero((grid.places == [1, 1, place]).all(axis=1))[0]) for place in (1, 6)
    )
    found = model.answer({name: numbers(grid, cold)[name] for name in of_runs})
    assert {one.action for one in found.advice} == {"hotter", "colder"}
    assert found.advice[0].action == "hotter" and found.advice[0].probability > 0.5
    assert "whether runs are connected or behind a barrier, a higher" in found.advice[0].why
    assert list(found.probabilities) == ["temperature"] and found.undecided == ""
    assert found.without == ("mode_connectivity", "peak_error", "cka")
    assert not any("`width or" in one or "all changes" in one for one in found.verdicts)
    above = model.answer({name: numbers(grid, hot)[name] for name in of_runs})
    assert above.advice == () and above.probabilities == {} and above.without == ()
    assert "mode connectivity decides about the temperature" in above.undecided
    assert "second run" not in above.undecided  # there may be one, with a curve that does not count
    assert model.answer({"train_loss": 0.01}).advice == ()
    assert model.answer({}).nearest == ()


@pytest.mark.parametrize(
    ("loss", "error", "certain"),
    [(0.019, 1.0, True), (0.021, 1.0, False), (0.019, 1.1, False), (np.nan, 0, False)],
)
def test_the_reading_at_a_minimum_needs_no_connectivity(
    loss: float, error: float, certain: bool
) -> None:
    """By every mode connectivity that these ends allow, which is at most their error."""
    regimes = fitted().predictors[0].questions["temperature"].regimes
    assert regimes is not None
    assert regimes.is_certain({"train_loss": loss, "train_error": error}) == certain
    x = np.zeros((100, 7))
    x[:, regimes.train_loss] = np.log(loss)
    x[:, regimes.mode_connectivity] = np.linspace(-50, error, 100)
    assert np.all(regimes.regime(x) < 2) or not certain


def test_probabilities_of_actions_are_those_of_their_questions(model: DiagnosisModel) -> None:
    """One number for one event: those of hotter and colder add up to 1."""
    grid = planted(seed=1)
    for i in range(0, len(grid), 9):
        found = model.answer(numbers(grid, i))
        if not found.advice:
            continue
        by_action = {one.action: one for one in found.advice}
        p = found.probabilities
        assert by_action["hotter"].probability == p["temperature"]
        assert by_action["colder"].probability == pytest.approx(1 - p["temperature"])
        assert by_action["wider"].probability == p["width or temperature"]
        assert by_action["more data"].probability == p["data or temperature"]
        better = "hotter" if p["temperature"] > 0.5 else "colder"
        worse = {"hotter": "colder", "colder": "hotter"}[better]
        assert by_action[better].gain >= by_action[worse].gain
        assert by_action[better].versus == worse


@pytest.mark.parametrize(
    ("axis", "actions"),
    [(0, ["hotter", "colder", "more data"]), (1, ["hotter", "colder", "wider"])],
)
def test_an_action_is_learned_only_if_the_cells_vary_along_its_axis(
    axis: int, actions: list[str]
) -> None:
    grid = planted()
    one_value = np.flatnonzero(grid.places[:, axis] == 1)
    model = fitted(grid, chosen=one_value)
    full = model.predictors[0]
    assert list(full.gains.actions) == actions == list(model.cells.gains)
    lacking = {0: "width or temperature", 1: "data or temperature"}[axis]
    assert "temperature" in full.questions and lacking not in full.questions
    advice = model.answer(numbers(grid, int(one_value[0]))).advice
    assert sorted(one.action for one in advice) == sorted(actions)


def test_cells_of_one_temperature_are_refused() -> None:
    grid = planted()
    with pytest.raises(QueryError, match="planted: the chosen cells have one temperature"):
        fitted(grid, chosen=np.flatnonzero(grid.places[:, 2] == 3))


def test_the_stored_test_is_that_of_held_out_widths(model: DiagnosisModel) -> None:
    """By models that were fitted here without these widths."""
    grid = planted()
    tested = model.predictors[0].tested
    assert tested.tested_on == "held-out width" and tested.n_cells == len(grid)
    margin = differences(gains(grid))["temperature"]
    right = []
    for width in range(5):
        inside = grid.places[:, 0] == width
        other = fitted(grid, chosen=np.flatnonzero(~inside)).predictors[0]
        own = {name: one[inside] for name, one in feature_values(grid).items()}
        p = other.predict(own).probabilities["temperature"]
        right += ((p > 0.5) == (margin[inside] > 0))[margin[inside] != 0].tolist()
    assert tested.questions["temperature"].accuracy.value == pytest.approx(np.mean(right))
    assert tested.questions["temperature"].n == len(right)


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
    narrow = np.flatnonzero(grid.places[:, 0] <= 1)
    model = fitted(grid, chosen=narrow)
    assert model.reference.n_cells == len(narrow) and model.reference.n_grid == len(grid)
    assert max(model.cells.gains["wider"]) == pytest.approx(3.0 * (len(WIDTHS) - 1), abs=4.1)
    assert min(model.cells.gains["wider"]) > 0
    for question in model.predictors[0].questions.values():
        assert question.n <= len(narrow)


def test_one_answer_in_all_cells_needs_no_forest_and_the_reading_stands_alone() -> None:
    """Cells at a minimum only: of those above it, the declared reading speaks."""
    grid = planted()
    cold = np.flatnonzero(grid.places[:, 2] < BEST[grid.places[:, 0]])
    model = fitted(grid, chosen=cold)
    assert model.predictors[0].questions["temperature"].forest is None
    hot = np.flatnonzero((grid.places[:, 2] > BEST[grid.places[:, 0]]) & (grid.places[:, 0] >= 2))
    own = {name: one[hot] for name, one in feature_values(grid).items()}
    assert np.all(model.predictors[0].predict(own).probabilities["temperature"] < 0.5)


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
    regimes = model.predictors[0].questions["temperature"].regimes
    assert regimes is not None and regimes.mode_connectivity is None
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
    regimes = fitted().predictors[0].questions["temperature"].regimes
    assert regimes is not None
    x = np.zeros((3, 7))
    x[:, regimes.train_loss] = np.log([0.001, 0.5, 0.5])
    x[:, regimes.mode_connectivity] = [0.0, -5.0, 5.0]
    assert regimes.regime(x).tolist() == [0, 1, 2]
    learned = np.array([0.1, 0.1, 0.9])

    def combined(cells: int, right: int) -> np.ndarray:
        counts = {"cells": (cells,) * 3, "right": (right,) * 3}
        return regimes.model_copy(update=counts).combined(x, learned)

    assert combined(0, 0) == pytest.approx([0.9, 0.9, 0.1])
    assert combined(10**6, 9 * 10**5) == pytest.approx(learned, abs=1e-3)
    assert combined(40, 36) == pytest.approx([0.5, 0.5, 0.5])
    # (20 x 0.9 + 2) / (20 + 20) = 1/2: wrong so often, the reading says nothing.
    assert combined(20, 2) == pytest.approx(learned)
    assert combined(20, 0) == pytest.approx(learned)
    half = regimes.model_copy(update={"cells": (20,) * 3, "right": (10,) * 3})
    assert half.holds() == pytest.approx([0.7] * 3)  # (18 + 10) / 40; weight 20 / (20 + 20)
    assert half.combined(x, learned) == pytest.approx([0.4, 0.4, 0.6])


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
