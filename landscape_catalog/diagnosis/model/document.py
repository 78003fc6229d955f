"""A diagnosis model: everything its answers follow from, as it is stored."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal, Self

import numpy as np
from pydantic import model_validator

from landscape_catalog.diagnosis.model.answer import Advice, Answer
from landscape_catalog.diagnosis.model.features import (
    CANDIDATES,
    OF_PAIRS,
    transformed,
)
from landscape_catalog.diagnosis.model.parts import Part
from landscape_catalog.diagnosis.model.predictor import Predictions, Predictor
from landscape_catalog.diagnosis.model.reasons import TEMPERATURE, reason, undecided
from landscape_catalog.diagnosis.model.reference import Feature, Reference, ReferenceCells
from landscape_catalog.diagnosis.model.verdicts import QUESTION_OF, VERSUS, caveat, verdicts
from landscape_catalog.phases.registry import Classify

VERSION: Final = 2
NEAREST = 5


class DiagnosisModel(Part):
    """What changes of a training are worth, by its metrics; fitted on a reference catalog."""

    version: Literal[2] = VERSION
    """Version of this form."""
    reference: Reference
    """What it was fitted on."""
    features: tuple[Feature, ...]
    """What it takes."""
    rule: Classify
    """The phase rule of the reference, with the thresholds in effect."""
    predictors: tuple[Predictor, ...]
    """The answers from all features, then from fewer of them, where some are missing."""
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
        if not self.predictors or self.predictors[0].features != tuple(names):
            raise ValueError("predictors: the first must take the features of the model")
        if any(set(one.features) - set(names) for one in self.predictors):
            raise ValueError("predictors: they take features that are not there")
        return self

    def predictor_for(self, known: Collection[str]) -> Predictor | None:
        """The answers from as many of the known features as possible; None from too few.

        Args:
            known: names of features.
        """
        return next((one for one in self.predictors if set(one.features) <= set(known)), None)

    def answer(
        self, numbers: Mapping[str, float], *, sizes: Mapping[str, float] | None = None
    ) -> Answer:
        """What the model says of a training with these metrics.

        There is no advice where a feature is outside of the reference's range. Where some are
        missing, it comes from the others: but for the metrics of single runs, without any of pairs,
        which answer hotter or colder only, and only at a minimum, where the declared reading is the
        same whatever mode connectivity is.

        Args:
            numbers: means of metrics by name, as the catalog has them; NaN or absent if unknown.
            sizes: width, samples and batch size by dotted path, for a model that takes them.
        """
        given = {**numbers, **(sizes or {})}
        own = {one.metric: float(given.get(one.metric, math.nan)) for one in self.features}
        known = {name: value for name, value in own.items() if not math.isnan(value)}
        outside = tuple(
            _outside(one, known[one.metric])
            for one in self.features
            if one.metric in known and not _is_inside(one, known[one.metric])
        )
        finite = {name: value for name, value in known.items() if math.isfinite(value)}
        place = Answer(
            outside=outside,
            missing=tuple(name for name in own if name not in known),
            probabilities={},
            advice=(),
            nearest=self.cells.nearest(finite, NEAREST),
            phase_prior=self.cells.phase_prior,
        )
        predictor = None if outside else self.predictor_for(known)
        return place if predictor is None else self._advised(place, predictor, own)

    def _advised(self, place: Answer, predictor: Predictor, own: Mapping[str, float]) -> Answer:
        """The answer with advice from these features, or the reason why they give none."""
        names = predictor.features
        without = tuple(one for one in self.predictors[0].features if one not in names)
        temperature_only = self._takes_pairs and not set(names) & set(OF_PAIRS)
        regimes = predictor.questions["temperature"].regimes
        if temperature_only:
            certain = regimes is not None and regimes.is_certain(own)
            if not certain:
                return replace(place, undecided=undecided(own))
        found = predictor.predict({name: np.array([own[name]]) for name in names})
        asked = {"temperature"} if temperature_only else set(found.probabilities)
        known = {name: math.nan if name in without else value for name, value in own.items()}
        advice = [
            one
            for one in self._advice(found, predictor, known, temperature_only)
            if not temperature_only or one.action in TEMPERATURE
        ]
        return replace(
            place,
            probabilities={
                name: float(p[0]) for name, p in found.probabilities.items() if name in asked
            },
            advice=tuple(sorted(advice, key=lambda one: -one.gain)),
            without=without,
            tested=predictor.tested,
            verdicts=verdicts(
                predictor.tested, self.reference.name, only_temperature=temperature_only
            ),
        )

    @property
    def _takes_pairs(self) -> bool:
        return bool(set(self.predictors[0].features) & set(OF_PAIRS))

    def _advice(
        self,
        found: Predictions,
        predictor: Predictor,
        own: Mapping[str, float],
        of_single_runs: bool,
    ) -> Iterator[Advice]:
        """The advice about every action."""
        name = self.reference.name
        for action, one in found.gains.items():
            gain = float(one.gain[0])
            question = QUESTION_OF.get(action)
            first = math.nan
            if question is not None:
                first = float(found.probabilities[question][0])
            yield Advice(
                action=action,
                gain=gain,
                low=float(one.low[0]),
                high=float(one.high[0]),
                probability=1 - first if action == "colder" else first,
                versus=VERSUS.get(action, ""),
                why=reason(action, own, name, gain, of_single_runs=of_single_runs),
                caveat=caveat(action, predictor.tested),
            )


def _is_inside(feature: Feature, value: float) -> bool:
    low, high, own = transformed(feature.metric, np.array([feature.low, feature.high, value]))
    return bool(low <= own <= high)


def _outside(feature: Feature, value: float) -> str:
    words = CANDIDATES[feature.metric].words
    unit = f" {feature.unit}" if feature.unit else ""
    return f"{words} {value:.4g}{unit} is not within {feature.low:.4g} to {feature.high:.4g}"
