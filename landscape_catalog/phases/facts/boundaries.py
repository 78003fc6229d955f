"""Where the phases' boundaries lie on each line along an axis, with a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.facts.boundary_words import boundaries_words
from landscape_catalog.phases.facts.divisions import (
    DIVISIONS,
    FIRST,
    OUTSIDE,
    SECOND,
    UNKNOWN,
    Division,
)
from landscape_catalog.phases.facts.groups import settings_of, variant_name
from landscape_catalog.phases.facts.scale import between, is_logarithmic
from landscape_catalog.phases.facts.step import band_of_split, best_split


@dataclass(frozen=True)
class Boundary:
    """Where one line along an axis goes from one side to the other.

    Attributes:
        variant: of the line; empty if there is only one.
        settings: the other parameters, by dotted path.
        n_cells: number of cells of the line that are on either side.
        n_unknown: number of its cells that are NC or unclassified, between or beside those.
        n_changes: how often neighbouring cells are on different sides; more than one if the line
            comes back.
        position: between the two cells where it changes, midway on the natural scale; None if it
            does not change.
        low: least value of the axis that the boundary may have; None if it may lie below the
            line's least value, or there is no boundary.
        high: the same for the greatest value.
        n_misplaced: cells on the other side than this one boundary would have them.
        is_reversed: whether the sides follow each other in the opposite order to what is expected.
        side: the side of all cells if it does not change, else empty.
    """

    variant: str
    settings: dict[str, Any]
    n_cells: int
    n_unknown: int
    n_changes: int
    position: float | None
    low: float | None
    high: float | None
    n_misplaced: int
    is_reversed: bool
    side: str


@dataclass(frozen=True)
class Shift:
    """How the boundary moves along another axis: the one along which it moves the most.

    Attributes:
        axis: dotted path of the other axis.
        first: its first value (more load or colder) at which lines change.
        first_median: median position of the boundary there; of an even number, the lower middle.
        last: its last value at which lines change.
        last_median: median position there.
    """

    axis: str
    first: float
    first_median: float
    last: float
    last_median: float


@dataclass(frozen=True)
class Boundaries:
    """One division of the diagram on all lines along one axis.

    Attributes:
        division: `sharpness`, `connectivity` or `similarity`.
        axis: dotted path of the axis.
        first_side: the side expected at more load or a lower temperature.
        second_side: the other one.
        n_lines: number of lines with at least two cells on either side.
        n_changing: lines with a boundary.
        n_returning: lines that change more than once.
        n_reversed: lines that change in the opposite direction.
        median: median position; None if no line changes.
        shift: how it moves along another axis; None if it does not.
        lines: each of them.
        words: a sentence.
    """

    division: str
    axis: str
    first_side: str
    second_side: str
    n_lines: int
    n_changing: int
    n_returning: int
    n_reversed: int
    median: float | None
    shift: Shift | None
    lines: tuple[Boundary, ...]
    words: str


def boundaries_of(
    diagram: Diagram, probabilities: Mapping[str, np.ndarray] | None = None
) -> tuple[Boundaries, ...]:
    """The boundary on every line: flat to sharp, poorly to well connected, IV-A to IV-B.

    The boundary is the single step that leaves the fewest cells on the wrong side. Its band has at
    least the width of the grid step, reaches from the first to the last change of a line that
    changes several times, and with probabilities holds 90% of the steps' likelihood; see
    `best_split` and `band_of_split`.

    Args:
        diagram: the classified cells.
        probabilities: of each phase for each cell, (cells,); NaN where unknown.

    Returns:
        An element for each division and axis with at least one line of two such cells.
    """
    found = []
    for division in DIVISIONS if diagram.phases else ():
        sides = division.sides(diagram.phases)
        chances = division.chance_of_second(diagram, probabilities) if probabilities else None
        for axis in filter(division.concerns, diagram.axes):
            lines = [
                _boundary(diagram, axis, division, line, sides, chances)
                for line in diagram.lines(axis.path)
            ]
            known = tuple(line for line in lines if line is not None)
            if known:
                found.append(_summary(diagram, axis, division, known))
    return tuple(found)


def _boundary(
    diagram: Diagram,
    axis: DiagramAxis,
    division: Division,
    line: np.ndarray,
    sides: np.ndarray,
    chances: np.ndarray | None,
) -> Boundary | None:
    """The boundary of one line; None if fewer than two cells are on either side."""
    part = _longest_part(line, sides)
    cells = part[sides[part] != UNKNOWN]
    if len(cells) < 2:
        return None
    places = diagram.places[cells, diagram.axis(axis.path)]
    own = sides[cells]
    n_changes = int(np.count_nonzero(np.diff(own)))
    common = (
        variant_name(diagram, int(cells[0])),
        settings_of(diagram, int(cells[0]), without=(axis.path,)),
        len(cells),
        len(part) - len(cells),
        n_changes,
    )
    if not n_changes:
        side = division.first_word if own[0] == FIRST else division.second_word
        return Boundary(*common, None, None, None, 0, False, side)
    step = best_split(own)
    chance = np.where(own == SECOND, 1.0, 0.0)
    if chances is not None:
        chance = np.where(np.isfinite(chances[cells]), chances[cells], chance)
    first, last = band_of_split(own, chance, step)
    ends = [_value(axis, places, first - 1), _value(axis, places, last)]
    low, high = ends if axis.values[0] < axis.values[-1] else ends[::-1]
    position = between(axis, places[step.after - 1], places[step.after])
    return Boundary(*common, position, low, high, step.n_misplaced, step.is_reversed, "")


def _longest_part(line: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """The longest stretch of a line without cells that are on no side, by known cells.

    A boundary between IV-A and IV-B is where they meet, and not across another phase.
    """
    breaks = np.flatnonzero(sides[line] == OUTSIDE)
    parts = np.split(line, np.unique(np.concatenate([breaks, breaks + 1])))
    inside = [part for part in parts if len(part) and sides[part[0]] != OUTSIDE]
    none = line[:0]
    return max(inside, key=lambda part: np.count_nonzero(sides[part] != UNKNOWN), default=none)


def _value(axis: DiagramAxis, places: np.ndarray, at: int) -> float | None:
    """The axis's value at a cell of the line; None beyond its ends."""
    return float(axis.values[places[at]]) if 0 <= at < len(places) else None


def _summary(
    diagram: Diagram, axis: DiagramAxis, division: Division, lines: tuple[Boundary, ...]
) -> Boundaries:
    changing = [line for line in lines if line.position is not None]
    found = Boundaries(
        division=division.name,
        axis=axis.path,
        first_side=division.first_word,
        second_side=division.second_word,
        n_lines=len(lines),
        n_changing=len(changing),
        n_returning=sum(line.n_changes > 1 for line in lines),
        n_reversed=sum(line.is_reversed for line in lines),
        median=_median(changing) if changing else None,
        shift=_shift(diagram, axis, changing),
        lines=lines,
        words="",
    )
    return replace(found, words=boundaries_words(found))


def _shift(diagram: Diagram, axis: DiagramAxis, changing: Sequence[Boundary]) -> Shift | None:
    """Along the axis where the medians at its first and last value are the farthest apart."""
    found: list[tuple[float, Shift]] = []
    for other in diagram.axes:
        if other.path == axis.path or not other.is_ordered:
            continue
        at: dict[Any, list[Boundary]] = {value: [] for value in other.values}
        for line in changing:
            at[line.settings[other.path]].append(line)
        values = [value for value in other.values if at[value]]
        if len(values) < 2:
            continue
        first, last = _median(at[values[0]]), _median(at[values[-1]])
        moved = abs(np.log(last / first)) if is_logarithmic(axis) else abs(last - first)
        if not moved:
            continue
        shift = Shift(other.path, float(values[0]), first, float(values[-1]), last)
        found.append((float(moved), shift))
    return max(found, key=lambda each: each[0], default=(0.0, None))[1]


def _median(lines: Sequence[Boundary]) -> float:
    """The median position; of an even number of lines, the lower of the middle two."""
    return median_low(line.position for line in lines if line.position is not None)
