"""scikit-learn's estimators behind a diagnosis model, turned into what can be stored."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.features import SIZES, baseline_values
from landscape_catalog.diagnosis.model.gains import GainModel, Linear
from landscape_catalog.diagnosis.model.questions import (
    REGIMES,
    TOLERANCE,
    Additive,
    Baseline,
    QuestionModel,
    Regimes,
)
from landscape_catalog.diagnosis.model.trees import forest_of
from landscape_catalog.phases.diagram import Diagram

TREES, GAIN_TREES, SEED = 60, 60, 0
LEAF, GAIN_LEAF = 3, 2
CELLS_PER_LEAF = 300  # a leaf has at least this part of the cells

# Directions that follow from what the features mean: +1, the probability of the first answer never
# falls as the feature rises; -1, it never rises.
MONOTONE: dict[Question, dict[str, int]] = {
    "temperature": {"train_loss": -1, "train_error": -1, "mode_connectivity": -1},
    "width or temperature": {"peak_error": 1},
    "data or temperature": {},
}
Limits = tuple[float | None, float | None]
NO_LIMITS: Limits = (None, None)
# What the additive part takes, with the limits beyond which values count alike: how far training is
# from a minimum matters little (and label noise moves it), nor does the height of a large barrier.
# An empty dictionary: all features. The question `temperature` has a declared part instead.
ADDITIVE: dict[Question, dict[str, Limits]] = {
    "width or temperature": {
        "peak_error": NO_LIMITS,
        "cka": NO_LIMITS,
        "train_loss": (None, math.log(0.05)),
        "mode_connectivity": (-10.0, 3.0),
    },
    "data or temperature": {},
}
# Name -> (metrics, depth of the tree).
BASELINES: dict[str, tuple[tuple[str, ...], int]] = {
    "training error": (("train_error",), 3),
    "validation metrics": (("test_error", "test_loss", "generalization_gap"), 4),
}


def fit_question(
    question: Question,
    names: list[str],
    x: np.ndarray,
    margin: np.ndarray,
    tolerance: float | None,
) -> QuestionModel:
    """The uncalibrated model of a question.

    Args:
        question: which.
        names: of the features.
        x: (cells, features).
        margin: by how much the first answer gains more, (cells,); ties are left out.
        tolerance: of mode connectivity, in the phase rule in effect.
    """
    from sklearn.ensemble import RandomForestClassifier

    decided = margin != 0
    first = margin[decided] > 0
    forest, additive, regimes = None, None, None
    if question == "temperature":
        regimes = _regimes(names, x[decided], first, tolerance)
    if 0 < first.sum() < len(first):
        fitted = RandomForestClassifier(
            TREES,
            min_samples_leaf=max(LEAF, len(first) // CELLS_PER_LEAF),
            monotonic_cst=[MONOTONE[question].get(name, 0) for name in names],
            random_state=SEED,
        ).fit(x[decided], first)
        forest = forest_of(fitted.estimators_, column=1)
        additive = _additive(question, names, x[decided], first)
    return QuestionModel(
        n=len(first),
        share=float((first.sum() + 1) / (len(first) + 2)),
        forest=forest,
        additive=additive,
        regimes=regimes,
    )


def _additive(
    question: Question, names: list[str], x: np.ndarray, first: np.ndarray
) -> Additive | None:
    from sklearn.linear_model import LogisticRegression

    if question not in ADDITIVE:
        return None
    limits = ADDITIVE[question] or dict.fromkeys(names, NO_LIMITS)
    taken = [i for i, name in enumerate(names) if name in limits or name in SIZES]
    if not taken:
        return None
    own = [limits.get(name, NO_LIMITS) for name in names]
    low, high = tuple(low for low, _ in own), tuple(high for _, high in own)
    zero = tuple(0.0 for _ in names)
    x = Additive(intercept=0.0, weights=zero, low=low, high=high).limited(x)[:, taken]
    mean, sd = x.mean(axis=0), x.std(axis=0)
    sd[sd == 0] = 1.0
    fitted = LogisticRegression(max_iter=1000).fit((x - mean) / sd, first)
    slopes = fitted.coef_[0] / sd
    weights = np.zeros(len(names))
    weights[taken] = slopes
    intercept = float(fitted.intercept_[0] - slopes @ mean)
    return Additive(intercept=intercept, weights=tuple(weights.tolist()), low=low, high=high)


def _regimes(
    names: list[str], x: np.ndarray, first: np.ndarray, tolerance: float | None
) -> Regimes | None:
    if "train_loss" not in names:
        return None
    curve = "mode_connectivity"
    found = Regimes(
        train_loss=names.index("train_loss"),
        mode_connectivity=names.index(curve) if curve in names else None,
        tolerance=TOLERANCE if tolerance is None else tolerance,
        cells=(0, 0, 0),
        right=(0, 0, 0),
    )
    regime = found.regime(x)
    right = first == (regime != REGIMES.index("above a minimum"))
    counts = [np.bincount(one, minlength=len(REGIMES)).tolist() for one in (regime, regime[right])]
    return found.model_copy(update=dict(zip(("cells", "right"), map(tuple, counts))))


def fit_gains(x: np.ndarray, y: Mapping[Action, np.ndarray]) -> GainModel:
    """The model of all gains, without intervals.

    Args:
        x: features, (cells, features).
        y: gains by action, (cells,).
    """
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge

    together = np.column_stack(list(y.values()))
    trees = ExtraTreesRegressor(
        GAIN_TREES,
        min_samples_leaf=max(GAIN_LEAF, len(x) // CELLS_PER_LEAF),
        max_features=None,
        random_state=SEED,
    ).fit(x, together)
    mean, sd = x.mean(axis=0), x.std(axis=0)
    sd[sd == 0] = 1.0
    line = Ridge(1.0).fit((x - mean) / sd, together)
    weights = line.coef_ / sd
    return GainModel(
        actions=tuple(y),
        forest=forest_of(trees.estimators_),
        linear=Linear(
            intercepts=tuple((line.intercept_ - weights @ mean).tolist()),
            weights=tuple(tuple(row) for row in weights.tolist()),
        ),
        bins={},
    )


def fit_baseline(
    metrics: tuple[str, ...], depth: int, diagram: Diagram, where: np.ndarray, margin: np.ndarray
) -> Baseline:
    """A tree on those of the metrics that the source has.

    Args:
        metrics: wanted.
        depth: of the tree.
        diagram: of the source.
        where: indices of the fitted cells.
        margin: see `fit_question`, for these cells.
    """
    from sklearn.tree import DecisionTreeClassifier

    values = baseline_values(diagram, metrics)
    known = {
        name: value[where] for name, value in values.items() if not np.isnan(value[where]).any()
    }
    decided = margin != 0
    first = margin[decided] > 0
    if not known or not 0 < first.sum() < len(first):
        return Baseline(metrics=tuple(known), tree=None)
    x = np.column_stack(list(known.values()))[decided]
    fitted = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=5, random_state=SEED)
    return Baseline(metrics=tuple(known), tree=forest_of([fitted.fit(x, first)], column=1))
