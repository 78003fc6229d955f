"""How good the answers of a diagnosis model are on a grid of which the gains are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.calibration import interleaved
from landscape_catalog.diagnosis.model.document import DiagnosisModel, Predictions
from landscape_catalog.diagnosis.model.features import (
    SIZES,
    baseline_values,
    feature_values,
    known_cells,
)
from landscape_catalog.diagnosis.model.labels import differences, gains
from landscape_catalog.diagnosis.model.measures import (
    QuestionScore,
    Value,
    advice_value,
    coverage,
    question_score,
)
from landscape_catalog.errors import QueryError
from landscape_catalog.phases.diagram import Diagram

FEWEST_TO_FIT = 20
Refit = Callable[[np.ndarray], DiagnosisModel]


@dataclass(frozen=True)
class Score:
    """What one way of testing found.

    Attributes:
        tested_on: in words, such as `held-out width`.
        n_cells: number of cells.
        n_outside: those with a feature outside of the range of the model, which `diagnose run`
            would give no advice on. They count in all figures.
        questions: accuracy, baselines and calibration by question.
        left_out: a sentence for each question that cannot be scored.
        values: the value of the advice: `temperature`, and `all` over all actions.
        coverage: share of the gains within their 90% prediction intervals, by action.
    """

    tested_on: str
    n_cells: int
    n_outside: int
    questions: Mapping[Question, QuestionScore]
    left_out: tuple[str, ...]
    values: Mapping[str, Value]
    coverage: Mapping[Action, float]


@dataclass
class _Collected:
    """Predictions for cells, gathered over folds."""

    where: np.ndarray
    probabilities: dict[Question, np.ndarray]
    gains: dict[Action, dict[str, np.ndarray]]
    baselines: dict[Question, dict[str, np.ndarray]]
    outside: np.ndarray


def score_model(
    model: DiagnosisModel,
    diagram: Diagram,
    name: str,
    *,
    tested: np.ndarray | None = None,
    refit: Refit | None = None,
) -> list[Score]:
    """Score a model on the cells of a grid.

    Args:
        model: which.
        diagram: the grid.
        name: of its source.
        tested: indices of the cells that are scored; None: all.
        refit: for the grid that the model was fitted on: fits one like it on the cells with these
            indices. The model is then scored by grouped cross-validation: for each load-like axis,
            every fifth of its values is held out, and the other fitted cells predict it.

    Raises:
        QueryError: if the source lacks a feature, or too few cells remain.
    """
    sizes = any(feature.metric in SIZES for feature in model.features)
    values = feature_values(diagram, sizes=sizes)
    for feature in model.features:
        if feature.metric not in values:
            raise QueryError(f"{name} has no {feature.metric}, which the model takes")
    values = {feature.metric: values[feature.metric] for feature in model.features}
    gain = gains(diagram)
    where = known_cells(values, gain, np.arange(len(diagram)) if tested is None else tested)
    if not len(where) or "hotter" not in gain:
        raise QueryError(f"{name} has no cells of which all features and gains are known")
    if refit is None:
        found = _predicted(model, diagram, values, where)
        return [_score(model, diagram, gain, found, name)]
    scores = []
    for path, folds in _held_out(model, diagram, where):
        parts = [_predicted(refit(fitted), diagram, values, tested) for fitted, tested in folds]
        words = f"held-out {path.rpartition('.')[2].replace('_', ' ')}"
        scores.append(_score(model, diagram, gain, _joined(parts), words))
    if not scores:
        raise QueryError(
            f"the model was fitted on {name}, on too few values of width or other loads to hold "
            "some out; score it on other results"
        )
    return scores


Fold = tuple[np.ndarray, np.ndarray]  # the cells that are fitted, and those that are tested


def _held_out(
    model: DiagnosisModel, diagram: Diagram, where: np.ndarray
) -> Iterator[tuple[str, list[Fold]]]:
    """For each load-like axis, its folds."""
    own = set(model.cells.ids)
    chosen = np.array([i for i in where if diagram.cell_ids[i] in own], dtype=int)
    for place, axis in enumerate(diagram.axes):
        if axis.is_temperature or len(axis.values) < 2:
            continue
        fold = interleaved(diagram.places[:, place])
        pairs = [(chosen[fold[chosen] != k], where[fold[where] == k]) for k in np.unique(fold)]
        pairs = [one for one in pairs if len(one[0]) >= FEWEST_TO_FIT and len(one[1])]
        if pairs:
            yield axis.path, pairs


def _predicted(
    model: DiagnosisModel, diagram: Diagram, values: Mapping[str, np.ndarray], where: np.ndarray
) -> _Collected:
    own = {name: value[where] for name, value in values.items()}
    found: Predictions = model.predict(own)
    outside = np.zeros(len(where), dtype=bool)
    for feature in model.features:
        outside |= (own[feature.metric] < feature.low) | (own[feature.metric] > feature.high)
    return _Collected(
        where=where,
        probabilities=dict(found.probabilities),
        gains={action: dict(vars(one)) for action, one in found.gains.items()},
        baselines={
            question: _baselines(model, question, diagram, where) for question in model.questions
        },
        outside=outside,
    )


def _baselines(
    model: DiagnosisModel, question: Question, diagram: Diagram, where: np.ndarray
) -> dict[str, np.ndarray]:
    """The probabilities of the baselines; those whose metrics the source lacks are left out."""
    own = model.questions[question]
    found = {"majority": np.full(len(where), own.share)}
    for name, baseline in own.baselines.items():
        known = baseline_values(diagram, baseline.metrics)
        if set(known) < set(baseline.metrics):
            continue
        if baseline.tree is None:
            found[name] = found["majority"]
        else:
            x = np.column_stack([known[metric][where] for metric in baseline.metrics])
            known_rows = ~np.isnan(x).any(axis=1)
            first = baseline.tree.predict(np.nan_to_num(x))[:, 0]
            found[name] = np.where(known_rows, first, own.share)
    return found


def _joined(parts: list[_Collected]) -> _Collected:
    """The predictions of all folds in one."""
    first = parts[0]
    return _Collected(
        where=np.concatenate([part.where for part in parts]),
        probabilities=_concatenated([part.probabilities for part in parts]),
        gains={
            action: _concatenated([part.gains[action] for part in parts]) for action in first.gains
        },
        baselines={
            question: _concatenated([part.baselines[question] for part in parts])
            for question in first.baselines
        },
        outside=np.concatenate([part.outside for part in parts]),
    )


Key = TypeVar("Key")


def _concatenated(parts: list[dict[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _score(
    model: DiagnosisModel,
    diagram: Diagram,
    gain: Mapping[Action, np.ndarray],
    found: _Collected,
    words: str,
) -> Score:
    """All figures of the predictions."""
    own = {action: one[found.where] for action, one in gain.items()}
    margins = differences(own)
    blocks = diagram.landscapes[found.where]
    left_out = tuple(
        f"{question}: left out, since {words if question not in margins else 'the reference'} "
        "does not have the axis"
        for question in dict.fromkeys((*model.questions, *margins))
        if question not in margins or question not in found.probabilities
    )
    questions = {
        question: question_score(probability, margins[question], blocks, found.baselines[question])
        for question, probability in found.probabilities.items()
        if question in margins
    }
    expected = {action: one["gain"] for action, one in found.gains.items() if action in own}
    return Score(
        tested_on=words,
        n_cells=len(found.where),
        n_outside=int(found.outside.sum()),
        questions=questions,
        left_out=left_out,
        values=advice_value(expected, own, found.probabilities["temperature"], blocks),
        coverage={
            action: coverage(found.gains[action]["low"], found.gains[action]["high"], own[action])
            for action in expected
        },
    )
