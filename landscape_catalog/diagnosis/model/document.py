"""A diagnosis model: everything its answers follow from, as it is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from pydantic import model_validator

from landscape_catalog.diagnosis.model.answer import Action, Advice, Answer, Question
from landscape_catalog.diagnosis.model.features import CANDIDATES, matrix, transformed
from landscape_catalog.diagnosis.model.gains import (
    GainModel,
    Predicted,
    is_partition,
    predicted,
)
from landscape_catalog.diagnosis.model.parts import Part
from landscape_catalog.diagnosis.model.questions import QuestionModel
from landscape_catalog.diagnosis.model.reasons import reason
from landscape_catalog.diagnosis.model.reference import Feature, Reference, ReferenceCells
from landscape_catalog.phases.registry import Classify

VERSION: Final = 1
NEAREST = 5


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for many cells, inside or outside of its range.

    Attributes:
        probabilities: by question, (cells,).
        gains: by action.
    """

    probabilities: Mapping[Question, np.ndarray]
    gains: Mapping[Action, Predicted]


class DiagnosisModel(Part):
    """What changes of a training are worth, by its metrics; fitted on a reference catalog."""

    version: Literal[1] = VERSION
    """Version of this form."""
    reference: Reference
    """What it was fitted on."""
    features: tuple[Feature, ...]
    """What it takes, in order."""
    rule: Classify
    """The phase rule of the reference, with the thresholds in effect."""
    questions: dict[Question, QuestionModel]
    """Which of two changes gains more."""
    gains: GainModel
    """How much each change gains."""
    cells: ReferenceCells
    """The fitted cells."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Parts fit together, so that no stored model fails when it is asked."""
        n = self.reference.n_cells
        names = [feature.metric for feature in self.features]
        cells = self.cells
        lists = [cells.ids, cells.test_accuracy, cells.phase, *cells.coordinates.values()]
        lists += [*cells.features.values(), *cells.gains.values()]
        if n < 1 or any(len(one) != n for one in lists):
            raise ValueError("cells: its lists must have an entry for each of reference.n_cells")
        if not names or set(names) != set(cells.features) or set(names) - CANDIDATES.keys():
            raise ValueError("features: they must be known, and those of cells.features")
        if any(feature.low > feature.high for feature in self.features):
            raise ValueError("features: low must not exceed high")
        if {"hotter", "colder"} <= set(self.gains.actions) and "temperature" not in self.questions:
            raise ValueError("questions: temperature is missing")
        additive = [q.additive.weights for q in self.questions.values() if q.additive is not None]
        regimes = [q.regimes for q in self.questions.values() if q.regimes is not None]
        forests = [q.forest for q in self.questions.values() if q.forest is not None]
        indices = [f for one in (*forests, self.gains.forest) for t in one.trees for f in t.feature]
        indices += [i for one in regimes for i in (one.train_loss, one.mode_connectivity)]
        if max(indices, default=0) >= len(names) or any(len(w) != len(names) for w in additive):
            raise ValueError("questions: they take features that are not there")
        outputs = {len(value) for t in self.gains.forest.trees for value in t.value if value}
        if outputs != {len(self.gains.actions)} or set(self.gains.bins) != set(self.gains.actions):
            raise ValueError("gains: there must be one output, and bins, for each action")
        if not all(is_partition(bins) for bins in self.gains.bins.values()):
            raise ValueError("gains.bins: ascending `upto`, and null in the last bin alone")
        linear = self.gains.linear
        shape = [len(row) for row in linear.weights]
        if shape != [len(names)] * len(self.gains.actions) or len(linear.intercepts) != len(shape):
            raise ValueError("gains: the linear part needs a weight for each action and feature")
        return self

    def predict(self, values: Mapping[str, np.ndarray]) -> Predictions:
        """Probabilities and gains of many cells, whether or not they are in the model's range.

        Of `hotter` and `colder`, the one that the question `temperature` prefers has the larger of
        the two expected gains.

        Args:
            values: all features by name, (cells,), before any logarithm, without NaN.
        """
        x = matrix({feature.metric: values[feature.metric] for feature in self.features})
        probabilities = {name: one.probability(x) for name, one in self.questions.items()}
        expected = dict(zip(self.gains.actions, self.gains.expected(x).T))
        if "temperature" in probabilities:
            hotter = probabilities["temperature"] > 0.5
            both = np.array([expected["hotter"], expected["colder"]])
            larger, smaller = both.max(axis=0), both.min(axis=0)
            expected["hotter"] = np.where(hotter, larger, smaller)
            expected["colder"] = np.where(hotter, smaller, larger)
        return Predictions(
            probabilities,
            {action: predicted(expected[action], self.gains.bins[action]) for action in expected},
        )

    def answer(
        self, numbers: Mapping[str, float], *, sizes: Mapping[str, float] | None = None
    ) -> Answer:
        """What the model says of a training with these metrics.

        There is no advice where a feature is missing or outside of the reference's range.

        Args:
            numbers: means of metrics by name, as the catalog has them; NaN or absent if unknown.
            sizes: width, samples and batch size by dotted path, for a model that takes them.
        """
        given = {**numbers, **(sizes or {})}
        own = {one.metric: float(given.get(one.metric, math.nan)) for one in self.features}
        known = {name: value for name, value in own.items() if not math.isnan(value)}
        missing = tuple(name for name in own if name not in known)
        outside = tuple(
            _outside(one, known[one.metric])
            for one in self.features
            if one.metric in known and not _is_inside(one, known[one.metric])
        )
        finite = {name: value for name, value in known.items() if math.isfinite(value)}
        advice: tuple[Advice, ...] = ()
        probabilities: dict[Question, float] = {}
        if not outside and not missing:
            found = self.predict({name: np.array([value]) for name, value in own.items()})
            probabilities = {name: float(p[0]) for name, p in found.probabilities.items()}
            advice = self._advice(found, own)
        return Answer(
            outside=outside,
            missing=missing,
            probabilities=probabilities,
            advice=advice,
            nearest=self.cells.nearest(finite, NEAREST),
            phase_prior=self.cells.phase_prior,
        )

    def _advice(self, found: Predictions, own: Mapping[str, float]) -> tuple[Advice, ...]:
        """All actions, the largest expected gain first."""
        advice = [
            Advice(
                action=action,
                gain=float(one.gain[0]),
                low=float(one.low[0]),
                high=float(one.high[0]),
                probability=float(one.positive[0]),
                why=reason(action, own, self.reference.name, float(one.gain[0])),
            )
            for action, one in found.gains.items()
        ]
        return tuple(sorted(advice, key=lambda one: -one.gain))


def _is_inside(feature: Feature, value: float) -> bool:
    low, high, own = transformed(feature.metric, np.array([feature.low, feature.high, value]))
    return bool(low <= own <= high)


def _outside(feature: Feature, value: float) -> str:
    words = CANDIDATES[feature.metric].words
    unit = f" {feature.unit}" if feature.unit else ""
    return f"{words} {value:.4g}{unit} is not within {feature.low:.4g} to {feature.high:.4g}"
