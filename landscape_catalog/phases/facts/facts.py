"""Every fact of a diagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.areas import Areas, areas_of
from landscape_catalog.phases.facts.best import BestCell, best_cells
from landscape_catalog.phases.facts.boundaries import Boundaries, boundaries_of
from landscape_catalog.phases.facts.descent import Descent, descents_of
from landscape_catalog.phases.facts.gain import Gain, gains_of


@dataclass(frozen=True)
class Facts:
    """What a phase diagram shows, as numbers and sentences.

    Attributes:
        areas: of the phases: the whole diagram, then its variants, then its facets.
        boundaries: of each division of the phases along each axis.
        best: the best cell of each variant.
        descents: double descent along each ordered axis.
        gains: of each further variant over the first.
    """

    areas: tuple[Areas, ...] = ()
    boundaries: tuple[Boundaries, ...] = ()
    best: tuple[BestCell, ...] = ()
    descents: tuple[Descent, ...] = ()
    gains: tuple[Gain, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The sentence of each fact; of areas, those of the whole and of the variants only."""
        whole = tuple(areas.words for areas in self.areas if not areas.settings)
        return (*whole, *(fact.words for fact in self._others()))

    def _others(self) -> Iterator[Any]:
        yield from (*self.boundaries, *self.best, *self.descents, *self.gains)

    def as_dict(self) -> dict[str, Any]:
        """The facts as plain dictionaries and lists, for JSON; keys as in docs/facts.md."""
        return asdict(self)


def facts_of(diagram: Diagram, probabilities: Mapping[str, np.ndarray] | None = None) -> Facts:
    """The facts of a diagram; those about which nothing is known are left out.

    Args:
        diagram: the cells. Without phases, there are no areas and boundaries.
        probabilities: of each phase for each cell, (cells,); NaN where unknown. None: unknown.
    """
    with np.errstate(all="ignore"):  # squares of a diverged loss may be infinite
        return Facts(
            areas=areas_of(diagram, probabilities),
            boundaries=boundaries_of(diagram, probabilities),
            best=best_cells(diagram),
            descents=descents_of(diagram),
            gains=gains_of(diagram),
        )
