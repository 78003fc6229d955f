"""Which ridge each peak belongs to, and how near peaks are to the transitions of their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.facts.coincidence import (
    Coincidence,
    MarkedLine,
    coincidence,
    ridges,
    steepest_step,
)
from landscape_catalog.phases.facts.divisions import FIRST, SHARPNESS
from landscape_catalog.phases.facts.step import best_split


@dataclass(frozen=True)
class PeakedLine:
    """The cells of a line in the order of its axis, and the index of the peak among them."""

    cells: np.ndarray
    at: int


def ridges_of(diagram: Diagram, axis: DiagramAxis, lines: list[PeakedLine]) -> list[int]:
    """The ridge of each line's peak; values without an order, and variants, have none in common.

    Args:
        diagram: the cells.
        axis: along which the lines run.
        lines: with their peaks.
    """
    if not lines:
        return []
    along = diagram.axis(axis.path)
    first = np.array([line.cells[0] for line in lines])
    others = [i for i in range(len(diagram.axes)) if i != along]
    apart = np.array([1 if diagram.axes[i].is_ordered else 2 for i in others], dtype=int)
    places = np.column_stack([diagram.variant[first] * 2, diagram.places[first][:, others] * apart])
    at = [diagram.places[line.cells[line.at], along] for line in lines]
    return [int(ridge) for ridge in ridges(places, np.array(at))]


def coincidences_of(
    diagram: Diagram, lines: Sequence[PeakedLine], which: Sequence[int]
) -> tuple[Coincidence, ...]:
    """How near the peaks are to the steepest step of the Hessian and the loss, and to flat/sharp.

    Args:
        diagram: the cells.
        lines: with their peaks.
        which: the ridge of each.
    """
    hessian = next((m for m in ("top_eigenvalue", "trace") if m in diagram.means), None)
    found = []
    for metric in filter(None, (hessian, "train_loss")):
        marked = [
            MarkedLine(len(line.cells), line.at, mark, ridge)
            for line, ridge in zip(lines, which)
            if (mark := steepest_step(diagram.mean(metric)[line.cells])) is not None
        ]
        found.append(coincidence(metric, marked))
    found.append(coincidence("sharpness", _at_boundary(diagram, lines, which)))
    return tuple(one for one in found if one is not None)


def _at_boundary(
    diagram: Diagram, lines: Sequence[PeakedLine], which: Sequence[int]
) -> list[MarkedLine]:
    """The lines that go from flat to sharp or back, with the one step that fits best."""
    if not diagram.phases:
        return []
    sides = SHARPNESS.sides(diagram.phases)
    found = []
    for line, ridge in zip(lines, which):
        known = np.flatnonzero(sides[line.cells] >= FIRST)
        own = sides[line.cells[known]]
        if len(set(own.tolist())) < 2:
            continue
        after = best_split(own).after
        mark = (known[after - 1] + known[after]) / 2
        found.append(MarkedLine(len(line.cells), line.at, float(mark), ridge))
    return found
