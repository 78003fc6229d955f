"""What a model predicts from one set of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import model_validator

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.features import CANDIDATES, matrix
from landscape_catalog.diagnosis.model.gains import GainModel, Predicted, is_partition, predicted
from landscape_catalog.diagnosis.model.measures import CONSTANT, Score
from landscape_catalog.diagnosis.model.parts import Part
from landscape_catalog.diagnosis.model.questions import QuestionModel


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for many cells, inside or outside of its range.

    Attributes:
        probabilities: by question, (cells,).
        gains: by action.
    """

    probabilities: Mapping[Question, np.ndarray]
    gains: Mapping[Action, Predicted]


class Predictor(Part):
    """The answers from one set of features, and how good they are."""

    features: tuple[str, ...]
    """What it takes, in order, by name."""
    questions: dict[Question, QuestionModel]
    """Which of two changes gains more."""
    gains: GainModel
    """How much each change gains."""
    tested: Score
    """How good it is on fitted cells that were held out."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Parts fit together, so that no stored model fails when it is asked."""
        names = self.features
        if not names or len(set(names)) < len(names) or set(names) - CANDIDATES.keys():
            raise ValueError("features: they must be known ones, each once")
        if not {"hotter", "colder"} <= set(self.gains.actions):
            raise ValueError("gains: hotter and colder are missing")
        if "temperature" not in self.questions:
            raise ValueError("questions: temperature is missing")
        additive = [q.additive.weights for q in self.questions.values() if q.additive is not None]
        regimes = [q.regimes for q in self.questions.values() if q.regimes is not None]
        forests = [q.forest for q in self.questions.values() if q.forest is not None]
        indices = [f for one in (*forests, self.gains.forest) for t in one.trees for f in t.feature]
        indices += [i for one in regimes for i in one.indices]
        if max(indices, default=0) >= len(names) or any(len(w) != len(names) for w in additive):
            raise ValueError("questions: they take features that are not there")
        if any(i < 0 for one in regimes for i in one.indices):
            raise ValueError("questions: regimes take features that are not there")
        outputs = {len(value) for t in self.gains.forest.trees for value in t.value if value}
        if outputs != {len(self.gains.actions)} or set(self.gains.bins) != set(self.gains.actions):
            raise ValueError("gains: there must be one output, and bins, for each action")
        if not all(is_partition(bins) for bins in self.gains.bins.values()):
            raise ValueError("gains.bins: ascending `upto`, and null in the last bin alone")
        linear = self.gains.linear
        shape = [len(row) for row in linear.weights]
        if shape != [len(names)] * len(self.gains.actions) or len(linear.intercepts) != len(shape):
            raise ValueError("gains: the linear part needs a weight for each action and feature")
        if any(CONSTANT not in one.advantages for one in self.tested.questions.values()):
            raise ValueError(f"tested.questions: the advantage over `{CONSTANT}` is missing")
        return self

    def predict(self, values: Mapping[str, np.ndarray]) -> Predictions:
        """Probabilities and gains of many cells, whether or not they are in the model's range.

        Args:
            values: its features by name, (cells,), before any logarithm, without NaN.
        """
        x = matrix({name: values[name] for name in self.features})
        probabilities = {name: one.probability(x) for name, one in self.questions.items()}
        expected = consistent(
            dict(zip(self.gains.actions, self.gains.expected(x).T)), probabilities["temperature"]
        )
        return Predictions(
            probabilities,
            {action: predicted(expected[action], self.gains.bins[action]) for action in expected},
        )


def consistent(expected: dict[Action, np.ndarray], hotter: np.ndarray) -> dict[Action, np.ndarray]:
    """Expected gains of which the better direction of temperature is that of its question.

    Of `hotter` and `colder`, the one that the question prefers gets the larger of the two.

    Args:
        expected: by action, (cells,).
        hotter: probability that a higher temperature is better.
    """
    both = np.array([expected["hotter"], expected["colder"]])
    larger, smaller = both.max(axis=0), both.min(axis=0)
    return {
        **expected,
        "hotter": np.where(hotter > 0.5, larger, smaller),
        "colder": np.where(hotter > 0.5, smaller, larger),
    }
