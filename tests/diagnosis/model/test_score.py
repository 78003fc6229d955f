from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from landscape_catalog.diagnosis.model import DiagnosisModel
from landscape_catalog.diagnosis.model.features import feature_values
from landscape_catalog.diagnosis.model.measures import advice_value, question_score
from landscape_catalog.diagnosis.model.score import score_model
from landscape_catalog.diagnosis.model.verdicts import verdicts
from landscape_catalog.errors import QueryError
from tests.diagnosis.model.grids import fitted, planted


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    return fitted()


def test_accuracy_and_calibration_by_hand() -> None:
    """Ties are left out; half of the eight answers is wrong."""
    probability = np.array([0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.7, 0.2])
    margin = np.array([1.0, 2, -1, -1, -3, -1, 2, 2, 0, 0])
    blocks = np.arange(10)
    found = question_score(probability, margin, blocks, {"majority": np.full(10, 0.6)})
    assert found.n == 8
    assert found.accuracy.value == 0.5
    assert found.baselines == {"majority": 0.5}
    assert found.brier == pytest.approx((4 * 0.01 + 4 * 0.81) / 8)
    assert found.calibration_error == pytest.approx((4 * 0.1 + 4 * 0.9) / 8)


def test_the_interval_of_independent_cells_is_the_binomial_one_and_wider_for_blocks() -> None:
    n = 400
    right = np.random.default_rng(0).random(n) < 0.8
    margin = np.ones(n)
    probability = np.where(right, 0.9, 0.1)
    alone = question_score(probability, margin, np.arange(n), {}).accuracy
    half = 1.96 * np.sqrt(alone.value * (1 - alone.value) / n)
    assert (alone.low, alone.high) == pytest.approx(
        (alone.value - half, alone.value + half), abs=0.01
    )
    blocks = np.repeat(np.arange(n // 20), 20)
    alike = question_score(np.sort(probability), margin, blocks, {}).accuracy
    assert alike.high - alike.low > 3 * (alone.high - alone.low)


def test_the_value_of_advice_by_hand() -> None:
    gain = {
        "hotter": np.array([4.0, 0, 0]),
        "colder": np.array([0.0, 2, 0]),
        "wider": np.array([1.0, 8, 3]),
    }
    expected = {"hotter": [5, 1, 0], "colder": [0, 2, 0], "wider": [1, 1, 1]}
    arrays = {action: np.array(one, dtype=float) for action, one in expected.items()}
    found = advice_value(arrays, gain, np.array([0.9, 0.9, 0.5]), np.arange(3))  # type: ignore[arg-type]
    temperature, every = found["temperature"], found["all"]
    assert (temperature.gain, temperature.best) == pytest.approx((4 / 3, 2))
    assert temperature.share.value == pytest.approx(100 * 4 / 6)
    assert temperature.always == pytest.approx({"hotter": 4 / 3, "colder": 2 / 3})
    assert (every.gain, every.best) == pytest.approx((9 / 3, 15 / 3))
    assert every.always["wider"] == 4


def test_on_another_draw_the_model_is_nearly_always_right(model: DiagnosisModel) -> None:
    (score,) = score_model(model, planted(seed=1), "other")
    assert score.tested_on == "other" and score.n_cells == 140 and score.left_out == ()
    temperature = score.questions["temperature"]
    assert temperature.accuracy.value > 0.97 > temperature.baselines["majority"]
    assert set(temperature.baselines) == {"majority", "training error", "validation metrics"}
    assert score.values["temperature"].share.value > 97
    assert score.values["all"].share.value > 90
    assert min(score.coverage.values()) > 0.8


def test_a_model_of_other_labels_is_wrong(model: DiagnosisModel) -> None:
    """The score is of what the grid says, not of the model's own view."""
    grid = planted(seed=1)
    worse = replace(grid, means={**grid.means, "test_accuracy": -grid.mean("test_accuracy")})
    (score,) = score_model(model, worse, "other")
    assert score.questions["temperature"].accuracy.value < 0.5


@pytest.mark.slow
def test_on_its_own_grid_values_of_the_loads_are_held_out(model: DiagnosisModel) -> None:
    grid = planted()
    asked = []

    def refit(chosen: np.ndarray) -> DiagnosisModel:
        asked.append(chosen)
        return fitted(grid, chosen=chosen)

    scores = score_model(model, grid, "planted", refit=refit)
    assert [one.tested_on for one in scores] == ["held-out width", "held-out samples"]
    assert [one.n_cells for one in scores] == [140, 140]
    assert len(asked) == 5 + 4
    widths = [set(grid.places[chosen, 0].tolist()) for chosen in asked[:5]]
    assert widths == [{0, 1, 2, 3, 4} - {held_out} for held_out in range(5)]
    assert scores[0].questions["temperature"].accuracy.value > 0.85


@pytest.mark.slow
def test_a_model_of_few_cells_is_tested_on_the_whole_held_out_width() -> None:
    grid = planted()
    chosen = np.flatnonzero(grid.places[:, 0] <= 1)
    model = fitted(grid, chosen=chosen)
    fits = []

    def refit(own: np.ndarray) -> DiagnosisModel:
        fits.append(own)
        return fitted(grid, chosen=own)

    widths = score_model(model, grid, "planted", refit=refit)[0]
    assert widths.n_cells == 140
    assert set(np.concatenate(fits)) == set(chosen)


def test_a_grid_with_fewer_axes_leaves_questions_out(model: DiagnosisModel) -> None:
    grid = planted(seed=1)
    most = grid.places[:, 1] == 3
    small = replace(
        grid,
        axes=(grid.axes[0], grid.axes[2]),
        cell_ids=tuple(np.array(grid.cell_ids)[most]),
        places=grid.places[most][:, [0, 2]],
        variant=grid.variant[most],
        means={name: one[most] for name, one in grid.means.items()},
    )
    (score,) = score_model(model, small, "small")
    assert set(score.questions) == {"temperature", "width or temperature"}
    assert score.left_out == ("data or temperature: left out, since small does not have the axis",)
    assert set(score.coverage) == {"hotter", "colder", "wider"}


@pytest.mark.slow
def test_a_source_that_lacks_a_metric_is_scored_without_it() -> None:
    grid = planted(seed=1)
    model = fitted(reduced=True)
    means = {name: one for name, one in grid.means.items() if name != "cka"}
    (score,) = score_model(model, replace(grid, means=means), "other")
    assert "cka" not in score.features and len(score.features) == len(model.features) - 1
    assert score.questions["temperature"].accuracy.value > 0.97


def test_a_source_that_lacks_the_metrics_of_single_runs_is_refused(model: DiagnosisModel) -> None:
    grid = planted()
    means = {name: one for name, one in grid.means.items() if name != "trace"}
    with pytest.raises(QueryError, match="other has no trace, which the model takes"):
        score_model(model, replace(grid, means=means), "other")


def test_one_answer_is_a_baseline(model: DiagnosisModel) -> None:
    """By hand: 6 of 8 answers are right, and always the second one is in 5 of 8."""
    probability = np.array([0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9])
    margin = np.array([1.0, 1, -1, -1, -1, -1, 1, -1])
    margin[7], probability[7] = -1, 0.1
    found = question_score(probability, margin, np.arange(8), {"always first": np.ones(8)})
    assert found is not None
    assert (found.accuracy.value, found.first) == (6 / 8, 3 / 8)
    assert found.advantages["one answer"].value == pytest.approx(6 / 8 - 5 / 8)
    assert found.advantages["always first"].value == pytest.approx(6 / 8 - 3 / 8)
    assert not found.is_better_than_one_answer
    assert question_score(probability, np.zeros(8), np.arange(8), {}) is None
    many = question_score(*(np.tile(one, 50) for one in (probability, margin)), np.arange(400), {})
    assert many is not None and many.is_better_than_one_answer


def test_what_is_no_better_than_a_simple_rule_is_said() -> None:
    """Metrics of other cells, which know nothing about the gains."""
    grid = planted()
    other = np.random.default_rng(0).permutation(len(grid))
    means = {n: one if n.startswith("test_") else one[other] for n, one in grid.means.items()}
    unknown = replace(grid, means=means)
    model = fitted(unknown)
    tested = model.predictors[0].tested
    said = verdicts(tested, "planted")
    assert not tested.questions["temperature"].is_better_than_one_answer
    assert said[0].startswith(
        "On held-out width of planted, the question `temperature` is answered no"
    )
    assert "always `" in said[0]
    assert any("advice on all changes gains" in one and "than always" in one for one in said)
    answer = model.answer({name: float(one[37]) for name, one in feature_values(unknown).items()})
    caveats = {one.action: one.caveat for one in answer.advice}
    assert "not reliably better than always `" in caveats["hotter"]
    assert answer.verdicts == said


def test_nothing_is_said_of_what_is_better(model: DiagnosisModel) -> None:
    (score,) = score_model(model, planted(seed=1), "other")
    said = [one for one in verdicts(score, "other") if "`temperature`" in one]
    assert not any("always `" in one for one in said)
    assert score.questions["temperature"].is_better_than_one_answer


def test_the_best_choice_counts_actions_that_were_not_learned() -> None:
    grid = planted()
    model = fitted(grid, chosen=np.flatnonzero(grid.places[:, 1] == 1))
    (score,) = score_model(model, planted(seed=1), "other")
    assert "more data" not in score.coverage and "more data" in score.values["all"].always
    assert score.left_out == (
        "data or temperature: left out, since the fitted cells do not vary along the axis",
    )
