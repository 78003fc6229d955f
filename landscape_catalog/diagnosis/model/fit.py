"""Fits a diagnosis model to the cells of a phase diagram, with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.calibration import grouped_folds, slope_of
from landscape_catalog.diagnosis.model.document import DiagnosisModel
from landscape_catalog.diagnosis.model.features import (
    CANDIDATES,
    feature_values,
    known_cells,
    matrix,
)
from landscape_catalog.diagnosis.model.gains import GainModel, bins_of
from landscape_catalog.diagnosis.model.labels import differences, gains
from landscape_catalog.diagnosis.model.learners import (
    BASELINES,
    fit_baseline,
    fit_gains,
    fit_question,
)
from landscape_catalog.diagnosis.model.questions import QuestionModel
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

    Raises:
        QueryError: if the grid has no temperature axis, or there are too few cells.
    """
    values, gain = feature_values(diagram, sizes=sizes), gains(diagram)
    if "hotter" not in gain:
        raise QueryError(
            f"{about['name']} has no temperature axis with several values, so that nothing can "
            "be learned about what a change of temperature gains"
        )
    where = known_cells(values, gain, np.arange(len(diagram)) if chosen is None else chosen)
    if len(where) < FEWEST:
        raise QueryError(
            f"{about['name']}: got {len(where)} cells of which all metrics are known; "
            f"a model needs at least {FEWEST}"
        )
    own = {name: value[where] for name, value in values.items()}
    x, names = matrix(own), list(own)
    y = {action: one[where] for action, one in gain.items()}
    folds = grouped_folds(diagram, where)
    tolerance = -rule.poorly_connected_below if rule.poorly_connected_below is not None else None
    return DiagnosisModel(
        reference=Reference(
            **about,
            axes=tuple(ReferenceAxis(path=axis.path, values=axis.values) for axis in diagram.axes),
            n_cells=len(where),
            n_grid=len(diagram),
        ),
        features=tuple(
            Feature(
                metric=name,
                logarithmic=CANDIDATES[name].logarithmic,
                low=float(value.min()),
                high=float(value.max()),
                unit=(units or {}).get(name, ""),
                method=(methods or {}).get(name, ""),
            )
            for name, value in own.items()
        ),
        rule=rule,
        questions={
            question: _question(question, names, x, margin, folds, tolerance, diagram, where)
            for question, margin in differences(y).items()
        },
        gains=_gains(x, y, folds),
        cells=_cells(diagram, where, own, y),
    )


def _question(
    question: Question,
    names: list[str],
    x: np.ndarray,
    margin: np.ndarray,
    folds: np.ndarray,
    tolerance: float | None,
    diagram: Diagram,
    where: np.ndarray,
) -> QuestionModel:
    """The model of a question, with calibrated probabilities and the baselines."""
    held_out = np.full(len(x), np.nan)
    for fold in np.unique(folds):
        out = folds == fold
        fitted = fit_question(question, names, x[~out], margin[~out], tolerance)
        held_out[out] = fitted.uncalibrated(x[out])
    decided = margin != 0
    slope = slope_of(held_out[decided], margin[decided] > 0)
    baselines = {
        name: fit_baseline(metrics, depth, diagram, where, margin)
        for name, (metrics, depth) in BASELINES.items()
    }
    fitted = fit_question(question, names, x, margin, tolerance)
    return fitted.model_copy(update={"slope": slope, "baselines": baselines})


def _gains(x: np.ndarray, y: Mapping[Action, np.ndarray], folds: np.ndarray) -> GainModel:
    """The model of gains, with intervals from held-out cells."""
    held_out = np.empty((len(x), len(y)))
    for fold in np.unique(folds):
        out = folds == fold
        fitted = fit_gains(x[~out], {action: gain[~out] for action, gain in y.items()})
        held_out[out] = fitted.expected(x[out])
    bins = {action: bins_of(held_out[:, i], y[action]) for i, action in enumerate(y)}
    return fit_gains(x, y).model_copy(update={"bins": bins})


def _cells(
    diagram: Diagram,
    where: np.ndarray,
    own: Mapping[str, np.ndarray],
    y: Mapping[Action, np.ndarray],
) -> ReferenceCells:
    performance = diagram.mean(diagram.performance)[where]
    return ReferenceCells(
        ids=tuple(diagram.cell_ids[i] for i in where),
        coordinates={
            axis.path: tuple(axis.values[i] for i in diagram.places[where, place])
            for place, axis in enumerate(diagram.axes)
        },
        features={name: tuple(value.tolist()) for name, value in own.items()},
        test_accuracy=tuple(performance.tolist()),
        phase=tuple(diagram.phases[i] if diagram.phases else "" for i in where),
        gains={action: tuple(gain.tolist()) for action, gain in y.items()},
    )
