"""A phase rule as a table of comparisons, which programs in any language can evaluate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from landscape_catalog.phases.criterion import ABSOLUTE_ROUNDING, Criterion, are_met, is_met

State = Literal["met", "unmet", "missing"]
BEYOND = 1e-6  # relative step to the other side of a breakpoint


@dataclass(frozen=True)
class Line:
    """One line of the table: the phase of cells for which every condition holds.

    Attributes:
        conditions: names of criteria with the state that each must have.
        phase: the name of the phase.
    """

    conditions: tuple[tuple[str, State], ...]
    phase: str


@dataclass(frozen=True)
class Setting:
    """One threshold of `params.yaml`, which may move several criteria.

    Attributes:
        path: below `classify`, such as `connectivity.tolerance`.
        words: the setting for readers.
        value: a positive number.
        criteria: names of the criteria with the sign by which their threshold follows the value.
        most: the largest value that makes sense.
    """

    path: str
    words: str
    value: float
    criteria: tuple[tuple[str, int], ...]
    most: float = float("inf")


@dataclass(frozen=True)
class DecisionTable:
    """The first line whose conditions hold gives the phase.

    A criterion is `missing` if its metric is NaN, otherwise `met` or `unmet`.

    Attributes:
        criteria: the comparisons.
        lines: in the order in which they are tried; the last has no conditions.
        settings: the thresholds that a reader may move.
    """

    criteria: tuple[Criterion, ...]
    lines: tuple[Line, ...]
    settings: tuple[Setting, ...]

    def phase(
        self,
        means: Mapping[str, float],
        thresholds: Mapping[str, float] = MappingProxyType({}),
    ) -> str:
        """The phase of one cell.

        Args:
            means: of each metric; one that is not there is missing.
            thresholds: others than the table's own, by the name of the criterion.
        """
        states: dict[str, State] = {}
        for one in self.criteria:
            value = means.get(one.metric, math.nan)
            met = is_met(value, one.relation, thresholds.get(one.name, one.threshold))
            states[one.name] = "missing" if math.isnan(value) else "met" if met else "unmet"
        hold = (
            all(states[name] == state for name, state in line.conditions) for line in self.lines
        )
        return next(line.phase for line, holds in zip(self.lines, hold) if holds)

    def phases(
        self,
        means: Mapping[str, np.ndarray],
        thresholds: Mapping[str, Any] = MappingProxyType({}),
    ) -> np.ndarray:
        """The phases of many cells.

        Args:
            means: of each metric of the criteria, (cells,).
            thresholds: others than the table's own, by the name of the criterion: a number, or one
                for each cell, (cells,).

        Returns:
            The names of the phases, (cells,).
        """
        states = self._states(means, thresholds)
        n = len(next(iter(means.values())))
        found = np.full(n, "", dtype=object)
        open_cells = np.ones(n, dtype=bool)
        for line in self.lines:
            holds = open_cells.copy()
            for name, state in line.conditions:
                holds &= states[name][state]
            found[holds] = line.phase
            open_cells &= ~holds
        return found

    def _states(
        self, means: Mapping[str, np.ndarray], thresholds: Mapping[str, Any]
    ) -> dict[str, dict[State, np.ndarray]]:
        states: dict[str, dict[State, np.ndarray]] = {}
        for one in self.criteria:
            values = means[one.metric]
            missing = np.isnan(values)
            met = are_met(values, one.relation, thresholds.get(one.name, one.threshold))
            states[one.name] = {"met": met & ~missing, "unmet": ~met & ~missing, "missing": missing}
        return states

    def moved(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The thresholds of criteria for other values of settings, by the setting's path."""
        return {
            name: sign * values[setting.path]
            for setting in self.settings
            if setting.path in values
            for name, sign in setting.criteria
        }

    def room(self, means: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """How far each label is from changing if a single setting is moved.

        A label, as a function of one setting, changes only where a criterion of the setting meets
        the cell's own value v. The distance of that place from the setting's value s is the factor
        max(v/s, s/v) >= 1.

        Args:
            means: as for `phases`.

        Returns:
            The smallest factor of each cell, infinite if no setting changes its label, (cells,),
            and the index of the setting that does it, -1 if none, (cells,).
        """
        declared = self.phases(means)
        least, which = np.full(len(declared), np.inf), np.full(len(declared), -1)
        by_name = {one.name: one for one in self.criteria}
        for i, setting in enumerate(self.settings):
            for name, sign in setting.criteria:
                place = sign * means[by_name[name].metric]
                usable = np.isfinite(place) & (place > ABSOLUTE_ROUNDING) & (place <= setting.most)
                ratio = np.where(usable, place, setting.value) / setting.value
                # A value at its threshold may change sides in either direction.
                for up, factor in ((True, ratio), (False, 1 / ratio)):
                    beyond = setting.value * ratio * (1 + BEYOND if up else 1 - BEYOND)
                    moved = self.moved({setting.path: np.minimum(beyond, setting.most)})
                    changes = usable & (self.phases(means, moved) != declared)
                    nearer = changes & (factor > 1 - BEYOND) & (factor < least)
                    least = np.where(nearer, np.maximum(factor, 1.0), least)
                    which = np.where(nearer, i, which)
        return least, which

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON: what a page needs to evaluate it."""
        return {
            "criteria": [
                {
                    "name": c.name,
                    "metric": c.metric,
                    "relation": c.relation,
                    "threshold": c.threshold,
                }
                for c in self.criteria
            ],
            "lines": [
                {
                    "conditions": [list(condition) for condition in line.conditions],
                    "phase": line.phase,
                }
                for line in self.lines
            ],
            "settings": [
                {
                    "path": s.path,
                    "words": s.words,
                    "value": s.value,
                    "most": None if s.most == float("inf") else s.most,
                    "criteria": [list(one) for one in s.criteria],
                }
                for s in self.settings
            ],
        }


def lines(*rows: tuple[Sequence[tuple[str, State]], str]) -> tuple[Line, ...]:
    """Lines from pairs of conditions and phase."""
    return tuple(Line(tuple(conditions), phase) for conditions, phase in rows)
