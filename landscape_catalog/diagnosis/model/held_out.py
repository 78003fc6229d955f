"""Predictions for cells whose gains are known, and their score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.features import baseline_values
from landscape_catalog.diagnosis.model.gains import Predicted
from landscape_catalog.diagnosis.model.labels import differences
from landscape_catalog.diagnosis.model.measures import (
    Score,
    advice_value,
    coverage,
    question_score,
)
from landscape_catalog.diagnosis.model.questions import QuestionModel
from landscape_catalog.phases.diagram import Diagram


@dataclass(frozen=True)
class Collected:
    """Predictions for cells, which may come from several models.

    Attributes:
        where: indices of the cells.
        probabilities: by question, (cells,).
        gains: by action.
        baselines: probabilities by question and baseline.
        outside: whether a feature is outside of the model's range.
    """

    where: np.ndarray
    probabilities: Mapping[Question, np.ndarray]
    gains: Mapping[Action, Predicted]
    baselines: Mapping[Question, Mapping[str, np.ndarray]]
    outside: np.ndarray


def baseline_probabilities(
    own: QuestionModel, diagram: Diagram, where: np.ndarray
) -> dict[str, np.ndarray]:
    """The probabilities of the baselines; those whose metrics the source lacks are left out."""
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


def joined(parts: Sequence[Collected]) -> Collected:
    """The predictions of all folds in one."""
    first = parts[0]
    return Collected(
        where=np.concatenate([part.where for part in parts]),
        probabilities=_concatenated([part.probabilities for part in parts]),
        gains={
            action: Predicted(**_concatenated([vars(part.gains[action]) for part in parts]))
            for action in first.gains
        },
        baselines={
            question: _concatenated([part.baselines[question] for part in parts])
            for question in first.baselines
        },
        outside=np.concatenate([part.outside for part in parts]),
    )


Key = TypeVar("Key")


def _concatenated(parts: Sequence[Mapping[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def score_of(
    found: Collected,
    diagram: Diagram,
    gain: Mapping[Action, np.ndarray],
    *,
    tested_on: str,
    features: Sequence[str],
) -> Score:
    """All figures of the predictions.

    Args:
        found: the predictions.
        diagram: the grid of the cells.
        gain: of the whole grid, by action.
        tested_on: in words.
        features: that were taken.
    """
    own = {action: one[found.where] for action, one in gain.items()}
    margins = differences(own)
    blocks = diagram.landscapes[found.where]
    questions, left_out = {}, []
    for question in dict.fromkeys((*found.probabilities, *margins)):
        if question not in margins:
            left_out.append(f"{question}: left out, since {tested_on} does not have the axis")
        elif question not in found.probabilities:
            left_out.append(
                f"{question}: left out, since the fitted cells do not vary along the axis"
            )
        else:
            scored = question_score(
                found.probabilities[question], margins[question], blocks, found.baselines[question]
            )
            if scored is None:
                left_out.append(f"{question}: left out, since all cells are ties")
            else:
                questions[question] = scored
    known = {action: one for action, one in found.gains.items() if action in own}
    return Score(
        tested_on=tested_on,
        features=tuple(features),
        n_cells=len(found.where),
        n_outside=int(found.outside.sum()),
        questions=questions,
        left_out=tuple(left_out),
        values=advice_value(
            {action: one.gain for action, one in known.items()},
            own,
            found.probabilities["temperature"],
            blocks,
        ),
        coverage={
            action: coverage(one.low, one.high, own[action]) for action, one in known.items()
        },
    )
