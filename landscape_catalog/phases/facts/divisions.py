"""The three ways in which the paper's phases divide a diagram in two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.rule import NC, UNCLASSIFIED
from landscape_catalog.phases.yang2021 import II, III, IV_A, IV_B, I

FIRST, SECOND, UNKNOWN, OUTSIDE = 0, 1, -1, -2


@dataclass(frozen=True)
class Division:
    """A division of the phases into two sides.

    Attributes:
        name: identifies it.
        first: the phases that are expected at the end of an axis with more load or a lower
            temperature.
        second: those that are expected at its other end.
        first_word: the first side as an adjective.
        second_word: the second.
        along_load: whether it is looked for along load-like axes.
        along_temperature: whether it is looked for along temperature-like axes.
    """

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    first_word: str
    second_word: str
    along_load: bool = False
    along_temperature: bool = False

    def concerns(self, axis: DiagramAxis) -> bool:
        """Whether it is looked for along an axis."""
        if not axis.is_ordered or len(axis.values) < 2:
            return False
        return self.along_temperature if axis.is_temperature else self.along_load

    def sides(self, phases: tuple[str, ...]) -> np.ndarray:
        """The side of each cell, (cells,): `FIRST`, `SECOND`, `UNKNOWN` or `OUTSIDE`.

        A cell is unknown if it is NC or unclassified, and outside in phases that are on no side.
        """
        side = {
            **dict.fromkeys(self.first, FIRST),
            **dict.fromkeys(self.second, SECOND),
            NC.name: UNKNOWN,
            UNCLASSIFIED.name: UNKNOWN,
        }
        return np.array([side.get(phase, OUTSIDE) for phase in phases], dtype=int)

    def chance_of_second(
        self, diagram: Diagram, probabilities: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """The probability that a cell is on the second side, given that it is on either, (cells,).

        NaN where it is unknown.
        """
        nothing = np.zeros(len(diagram))
        first = sum((probabilities.get(name, nothing) for name in self.first), nothing)
        second = sum((probabilities.get(name, nothing) for name in self.second), nothing)
        both = first + second
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(both > 0, second / both, np.nan))


SHARPNESS = Division(
    "sharpness",
    (III.name, IV_A.name, IV_B.name),
    (I.name, II.name),
    "flat",
    "sharp",
    along_temperature=True,
)
CONNECTIVITY = Division(
    "connectivity",
    (I.name, III.name),
    (II.name, IV_A.name, IV_B.name),
    "poorly connected",
    "connected",
    along_load=True,
)
SIMILARITY = Division(
    "similarity",
    (IV_A.name,),
    (IV_B.name,),
    "IV-A",
    "IV-B",
    along_load=True,
    along_temperature=True,
)
DIVISIONS = (SHARPNESS, CONNECTIVITY, SIMILARITY)
