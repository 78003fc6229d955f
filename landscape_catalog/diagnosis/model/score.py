"""How good the answers of a diagnosis model are on a grid of which the gains are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from landscape_catalog.diagnosis.model.calibration import held_out_words, interleaved
from landscape_catalog.diagnosis.model.document import DiagnosisModel
from landscape_catalog.diagnosis.model.features import SIZES, feature_values, known_cells
from landscape_catalog.diagnosis.model.held_out import (
    Collected,
    baseline_probabilities,
    joined,
    score_of,
)
from landscape_catalog.diagnosis.model.labels import gains
from landscape_catalog.diagnosis.model.measures import Score
from landscape_catalog.diagnosis.model.predictor import Predictor
from landscape_catalog.errors import QueryError
from landscape_catalog.phases.diagram import Diagram

FEWEST_TO_FIT = 20
Refit = Callable[[np.ndarray], DiagnosisModel]


def score_model(
    model: DiagnosisModel,
    diagram: Diagram,
    name: str,
    *,
    tested: np.ndarray | None = None,
    refit: Refit | None = None,
) -> list[Score]:
    """Score a model on the cells of a grid, by as many of its features as the grid has.

    Args:
        model: which.
        diagram: the grid.
        name: of its source.
        tested: indices of the cells that are scored; None: all.
        refit: for the grid that the model was fitted on: fits one like it on the cells with these
            indices. The model is then scored by grouped cross-validation: for each load-like axis,
            every fifth of its values is held out, and the other fitted cells predict it.

    Raises:
        QueryError: if the source lacks too many features, or too few cells remain.
    """
    sizes = any(feature.metric in SIZES for feature in model.features)
    values = feature_values(diagram, sizes=sizes)
    predictor = model.predictor_for(values)
    if predictor is None:
        lacking = [one for one in model.predictors[-1].features if one not in values]
        raise QueryError(f"{name} has no {' and no '.join(lacking)}, which the model takes")
    values = {feature: values[feature] for feature in predictor.features}
    gain = gains(diagram)
    where = known_cells(values, gain, np.arange(len(diagram)) if tested is None else tested)
    if not len(where) or "hotter" not in gain:
        raise QueryError(f"{name} has no cells of which all features and gains are known")
    features = predictor.features
    if refit is None:
        found = _predicted(model, predictor, diagram, values, where)
        return [score_of(found, diagram, gain, tested_on=name, features=features)]
    scores = []
    for path, folds in _held_out(model, diagram, where):
        parts = []
        for fitted, held_out in folds:
            other = refit(fitted)
            parts.append(_predicted(other, other.predictors[0], diagram, values, held_out))
        words = held_out_words(path)
        scores.append(score_of(joined(parts), diagram, gain, tested_on=words, features=features))
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
    model: DiagnosisModel,
    predictor: Predictor,
    diagram: Diagram,
    values: Mapping[str, np.ndarray],
    where: np.ndarray,
) -> Collected:
    own = {name: value[where] for name, value in values.items()}
    found = predictor.predict(own)
    outside = np.zeros(len(where), dtype=bool)
    for feature in model.features:
        if feature.metric in own:
            value = own[feature.metric]
            outside |= (value < feature.low) | (value > feature.high)
    return Collected(
        where=where,
        probabilities=found.probabilities,
        gains=found.gains,
        baselines={
            question: baseline_probabilities(one, diagram, where)
            for question, one in predictor.questions.items()
        },
        outside=outside,
    )
