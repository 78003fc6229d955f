"""Fits a diagnosis model to the cells of a phase diagram, with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.calibration import grouped_folds, slope_of
from landscape_catalog.diagnosis.model.document import DiagnosisModel
from landscape_catalog.diagnosis.model.features import (
    CANDIDATES,
    feature_sets,
    feature_values,
    known_cells,
    matrix,
)
from landscape_catalog.diagnosis.model.gains import bins_of, predicted
from landscape_catalog.diagnosis.model.held_out import (
    Collected,
    baseline_probabilities,
    joined,
    score_of,
)
from landscape_catalog.diagnosis.model.labels import differences, gains, varied
from landscape_catalog.diagnosis.model.learners import (
    BASELINES,
    fit_baseline,
    fit_gains,
    fit_question,
)
from landscape_catalog.diagnosis.model.measures import Score
from landscape_catalog.diagnosis.model.predictor import Predictor, consistent
from landscape_catalog.diagnosis.model.questions import QuestionModel, calibrated
from landscape_catalog.diagnosis.model.reference import (
    Feature,
    Reference,
    ReferenceAxis,
    ReferenceCells,
)
from landscape_catalog.errors import QueryError
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.rule import Rule

FEWEST = 20  # cells


def fit_model(
    diagram: Diagram,
    rule: Rule,
    *,
    about: Mapping[str, Any],
    methods: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    chosen: np.ndarray | None = None,
    sizes: bool = False,
    actions: tuple[Action, ...] | None = None,
    reduced: bool = True,
) -> DiagnosisModel:
    """Fit a model on cells of a diagram. The same input gives the same model.

    Args:
        diagram: the whole grid; gains are computed from it.
        rule: its phase rule, with the thresholds in effect.
        about: `name`, `experiment_id`, `classification_id`, `dataset` and `model` of the reference,
            and `citation` and `measure` where they are known.
        methods: how each metric was measured, in words.
        units: of each metric.
        chosen: indices of the cells that the model is fitted on; None: all. Cells of which a
            feature or gain is unknown are left out.
        sizes: whether the model takes width, samples and batch size too.
        actions: that are learned; None: those along whose axis the cells have several values.
        reduced: whether it also answers from fewer features, where some are missing.

    Raises:
        QueryError: if there are too few cells, or they have one temperature only.
    """
    values, gain = feature_values(diagram, sizes=sizes), gains(diagram)
    name = about["name"]
    if "hotter" not in gain:
        raise QueryError(
            f"{name} has no temperature axis with several values, so that nothing can "
            "be learned about what a change of temperature gains"
        )
    where = known_cells(values, gain, np.arange(len(diagram)) if chosen is None else chosen)
    if len(where) < FEWEST:
        raise QueryError(
            f"{name}: got {len(where)} cells of which all metrics are known; "
            f"a model needs at least {FEWEST}"
        )
    learned = varied(diagram, where) if actions is None else actions
    if "hotter" not in learned:
        raise QueryError(
            f"{name}: the chosen cells have one temperature, so that nothing can be learned about "
            "what a change of it gains"
        )
    own = {feature: value[where] for feature, value in values.items()}
    tolerance = -rule.poorly_connected_below if rule.poorly_connected_below is not None else None
    cells = _Cells(diagram, where, own, gain, learned, tolerance)
    return DiagnosisModel(
        reference=Reference(
            **about,
            axes=tuple(ReferenceAxis(path=axis.path, values=axis.values) for axis in diagram.axes),
            n_cells=len(where),
            n_grid=len(diagram),
        ),
        features=tuple(
            Feature(
                metric=feature,
                logarithmic=CANDIDATES[feature].logarithmic,
                low=float(value.min()),
                high=float(value.max()),
                unit=(units or {}).get(feature, ""),
                method=(methods or {}).get(feature, ""),
            )
            for feature, value in own.items()
        ),
        rule=rule,
        predictors=tuple(
            _predictor(cells, names) for names in feature_sets(list(own))[: None if reduced else 1]
        ),
        cells=_reference_cells(cells),
    )


@dataclass(frozen=True)
class _Cells:
    """The cells that are fitted: their features before the logarithm, and gains of the grid."""

    diagram: Diagram
    where: np.ndarray
    values: Mapping[str, np.ndarray]
    gain: Mapping[Action, np.ndarray]
    learned: tuple[Action, ...]
    tolerance: float | None

    @property
    def gains(self) -> dict[Action, np.ndarray]:
        """Gains of the actions that are learned, (cells,)."""
        return {action: self.gain[action][self.where] for action in self.learned}


@dataclass(frozen=True)
class _Fold:
    """What the cells outside of a fold say about those inside of it."""

    inside: np.ndarray
    questions: Mapping[Question, QuestionModel]
    raw: Mapping[Question, np.ndarray]
    expected: Mapping[Action, np.ndarray]


def _predictor(cells: _Cells, names: tuple[str, ...]) -> Predictor:
    """The answers from some features, calibrated and tested on held-out cells."""
    x = matrix({name: cells.values[name] for name in names})
    folds, words = grouped_folds(cells.diagram, cells.where)
    everywhere = np.ones(len(x), dtype=bool)
    held_out = [_fold(cells, names, x, folds == fold) for fold in np.unique(folds)]
    slopes, bins = _calibration(cells, held_out)
    questions = _questions(cells, names, x, everywhere)
    return Predictor(
        features=names,
        questions={
            question: one.model_copy(update={"slope": slopes[question]})
            for question, one in questions.items()
        },
        gains=fit_gains(x, cells.gains).model_copy(update={"bins": bins}),
        tested=_tested(cells, names, held_out, words),
    )


def _questions(
    cells: _Cells, names: tuple[str, ...], x: np.ndarray, fitted: np.ndarray
) -> dict[Question, QuestionModel]:
    """The uncalibrated models of all questions, with the baselines.

    Args:
        cells: all.
        names: of the features.
        x: (cells, features).
        fitted: which cells are fitted, (cells,).
    """
    found = {}
    for question, margin in differences(cells.gains).items():
        own = margin[fitted]
        baselines = {
            name: fit_baseline(metrics, depth, cells.diagram, cells.where[fitted], own)
            for name, (metrics, depth) in BASELINES.items()
        }
        model = fit_question(question, list(names), x[fitted], own, cells.tolerance)
        found[question] = model.model_copy(update={"baselines": baselines})
    return found


def _fold(cells: _Cells, names: tuple[str, ...], x: np.ndarray, inside: np.ndarray) -> _Fold:
    questions = _questions(cells, names, x, ~inside)
    raw = {question: one.uncalibrated(x[inside]) for question, one in questions.items()}
    gain_model = fit_gains(x[~inside], {a: gain[~inside] for a, gain in cells.gains.items()})
    expected = dict(zip(gain_model.actions, gain_model.expected(x[inside]).T))
    return _Fold(inside, questions, raw, consistent(expected, raw["temperature"]))


def _calibration(
    cells: _Cells, folds: list[_Fold]
) -> tuple[dict[Question, float], dict[Action, Any]]:
    """The factors of logits, and the bins of gains, by what was held out in these folds."""
    slopes = {}
    for question, margin in differences(cells.gains).items():
        own = np.concatenate([margin[fold.inside] for fold in folds])
        raw = np.concatenate([fold.raw[question] for fold in folds])
        slopes[question] = slope_of(raw[own != 0], own[own != 0] > 0)
    bins = {}
    for action, gain in cells.gains.items():
        own = np.concatenate([gain[fold.inside] for fold in folds])
        bins[action] = bins_of(np.concatenate([fold.expected[action] for fold in folds]), own)
    return slopes, bins


def _tested(cells: _Cells, names: tuple[str, ...], folds: list[_Fold], words: str) -> Score:
    """The score of held-out predictions; each fold is calibrated by the others."""
    parts = []
    for fold in folds:
        where = cells.where[fold.inside]
        slopes, bins = _calibration(cells, [other for other in folds if other is not fold])
        outside = np.zeros(len(where), dtype=bool)
        for name in names:
            fitted, own = cells.values[name][~fold.inside], cells.values[name][fold.inside]
            outside |= (own < fitted.min()) | (own > fitted.max())
        parts.append(
            Collected(
                where=where,
                probabilities={
                    question: calibrated(raw, slopes[question])
                    for question, raw in fold.raw.items()
                },
                gains={a: predicted(one, bins[a]) for a, one in fold.expected.items()},
                baselines={
                    question: baseline_probabilities(one, cells.diagram, where)
                    for question, one in fold.questions.items()
                },
                outside=outside,
            )
        )
    return score_of(joined(parts), cells.diagram, cells.gain, tested_on=words, features=names)


def _reference_cells(cells: _Cells) -> ReferenceCells:
    diagram, where = cells.diagram, cells.where
    performance = diagram.mean(diagram.performance)[where]
    return ReferenceCells(
        ids=tuple(diagram.cell_ids[i] for i in where),
        coordinates={
            axis.path: tuple(axis.values[i] for i in diagram.places[where, place])
            for place, axis in enumerate(diagram.axes)
        },
        features={name: tuple(value.tolist()) for name, value in cells.values.items()},
        test_accuracy=tuple(performance.tolist()),
        phase=tuple(diagram.phases[i] if diagram.phases else "" for i in where),
        gains={action: tuple(gain.tolist()) for action, gain in cells.gains.items()},
    )
