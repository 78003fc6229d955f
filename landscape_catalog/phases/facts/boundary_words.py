"""The boundaries along an axis in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.facts.divisions import Division
from landscape_catalog.phases.facts.words import counted, shown, title

if TYPE_CHECKING:
    from landscape_catalog.phases.facts.boundaries import Boundary


def boundaries_words(
    diagram: Diagram, axis: DiagramAxis, division: Division, lines: Sequence[Boundary]
) -> str:
    """How many lines change, where, and where the others lie."""
    name, n_lines = title(axis.path), counted(len(lines), "line")
    change = f"from {division.first_word} to {division.second_word}"
    changing = [line for line in lines if line.position is not None]
    if not changing:
        return f"Along {name}, none of {n_lines} changes {change}: {_where(division, lines)}."
    words = f"Along {name}, {len(changing)} of {n_lines} change {change}{_at(diagram, changing)}"
    remarks = []
    reverse = sum(line.is_reversed for line in changing)
    if reverse:
        remarks.append(f"{reverse} in the opposite direction")
    returning = sum(line.n_changes > 1 for line in changing)
    if returning:
        most = max(line.n_changes for line in changing)
        remarks.append(f"{returning} more than once (up to {most} changes)")
    if len(changing) < len(lines):
        remarks.append(f"of the others, {_where(division, lines)}")
    return "; ".join([words, *remarks]) + "."


def _where(division: Division, lines: Sequence[Boundary]) -> str:
    """On which side the lines lie that do not change."""
    parts = []
    for side in (division.first_word, division.second_word):
        n = sum(line.side == side for line in lines)
        if n:
            parts.append(f"{n} {'is' if n == 1 else 'are'} wholly {side}")
    return " and ".join(parts)


def _at(diagram: Diagram, changing: Sequence[Boundary]) -> str:
    """The median position, at the ends of the axis along which it moves the most."""
    middle = _median(changing)
    if len(changing) == 1:
        only = changing[0]
        return f", at {shown(middle)} ({_band(only)})"
    best: tuple[float, str] = (1.0, "")
    for other in diagram.axes:
        values = [v for v in other.values if any(_has(line, other.path, v) for line in changing)]
        if not other.is_ordered or len(values) < 2 or other.path not in changing[0].settings:
            continue
        ends = [
            _median([line for line in changing if _has(line, other.path, value)])
            for value in (values[0], values[-1])
        ]
        moved = abs(np.log(ends[1] / ends[0])) if min(ends) > 0 else abs(ends[1] - ends[0])
        name = title(other.path)
        text = (
            f"; median {shown(ends[0])} at {name} {shown(values[0])}, "
            f"{shown(ends[1])} at {name} {shown(values[-1])}"
        )
        if not best[1] or moved > best[0]:
            best = (float(moved), text)
    return best[1] or f", at a median of {shown(middle)}"


def _has(line: Boundary, path: str, value: object) -> bool:
    return path in line.settings and line.settings[path] == value


def _median(lines: Sequence[Boundary]) -> float:
    """The median position; of an even number of lines, the lower one of the middle two."""
    positions = sorted(line.position for line in lines if line.position is not None)
    return positions[(len(positions) - 1) // 2]


def _band(line: Boundary) -> str:
    low = "below the grid" if line.low is None else shown(line.low)
    high = "above the grid" if line.high is None else shown(line.high)
    return f"{low} to {high}"
