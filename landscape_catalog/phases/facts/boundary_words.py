"""The boundaries along an axis in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landscape_catalog.phases.facts.words import shown, title
from landscape_catalog.schema.words import counted

if TYPE_CHECKING:
    from landscape_catalog.phases.facts.boundaries import Boundaries, Boundary


def boundaries_words(found: Boundaries) -> str:
    """How many lines change, where, and where the others lie."""
    name, n_lines = title(found.axis), counted(found.n_lines, "line")
    change = f"from {found.first_side} to {found.second_side}"
    if not found.n_changing:
        return f"Along {name}, none of {n_lines} changes {change}: {unchanged_words(found)}."
    changes = "changes" if found.n_changing == 1 else "change"
    parts = [f"Along {name}, {found.n_changing} of {n_lines} {changes} {change}"]
    parts[0] += f", at {'a median of ' if found.n_changing > 1 else ''}{position_words(found)}"
    if found.n_reversed:
        parts.append(f"{found.n_reversed} in the opposite direction")
    if found.n_returning:
        most = max(line.n_changes for line in found.lines)
        parts.append(f"{found.n_returning} more than once (up to {most} changes)")
    if found.n_changing < found.n_lines:
        parts.append(f"of the others, {unchanged_words(found)}")
    return "; ".join(parts) + "."


def unchanged_words(found: Boundaries) -> str:
    """On which side the lines lie that do not change."""
    parts = []
    for side in (found.first_side, found.second_side):
        n = sum(line.side == side for line in found.lines)
        if n:
            parts.append(f"{n} {'is' if n == 1 else 'are'} wholly {side}")
    return " and ".join(parts)


def position_words(found: Boundaries) -> str:
    """The median position, at both ends of the axis along which it moves the most.

    A single boundary has its band instead. Empty if no line changes.
    """
    changing = [line for line in found.lines if line.position is not None]
    if not changing:
        return ""
    if len(changing) == 1:
        return f"{shown(found.median)} ({band_words(changing[0])})"
    shift = found.shift
    if shift is None:
        return shown(found.median)
    return (
        f"{shown(shift.first_median)} to {shown(shift.last_median)} for {title(shift.axis)} "
        f"{shown(shift.first)} to {shown(shift.last)}"
    )


def band_words(line: Boundary) -> str:
    """The band of a line's boundary."""
    low = "below the grid" if line.low is None else shown(line.low)
    high = "above the grid" if line.high is None else shown(line.high)
    return f"{low} to {high}"
