"""The x and y axis of the maps, drawn to scale: direction, scale, and the edges of each cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from landscape_catalog.schema.parameters import KNOWN, Scale, are_numbers, parameter

NARROWEST = 1e-6  # width of a cell, as a fraction of the axis, that a drawing can show


def label(value: Any) -> str:
    """A parameter's value as an axis label.

    >>> [label(value) for value in (16, 0.05, 5e-4, 0.0, 1234567, True, "relu", None)]
    ['16', '0.05', '0.0005', '0', '1234567', 'true', 'relu', 'none']
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def ordered(values: Sequence[Any]) -> tuple[Any, ...]:
    """The distinct values: numbers in ascending order, anything else in order of appearance.

    >>> ordered([3, 1, 2, 1]), ordered(["tanh", "relu", "tanh"])
    ((1, 2, 3), ('tanh', 'relu'))
    """
    distinct = tuple(dict.fromkeys(values))
    return tuple(sorted(distinct)) if are_numbers(distinct) else distinct


def chosen_scale(values: Sequence[Any], usual: Scale, setting: str) -> Scale:
    """The scale of an axis: the setting, or the default for `auto`, if the values allow it.

    Non-numeric values, or a single value, get cells of equal size (`even`); a logarithmic scale
    falls back to a linear one if some value is not positive.

    >>> chosen_scale([1, 2, 4], "log", "auto"), chosen_scale([0.0, 0.1], "log", "auto")
    ('log', 'linear')
    >>> chosen_scale(["relu", "tanh"], "linear", "log"), chosen_scale([8], "log", "auto")
    ('even', 'even')
    """
    if len(values) < 2 or not are_numbers(values):
        return "even"
    wanted: Any = usual if setting == "auto" else setting
    return "linear" if wanted == "log" and min(values) <= 0 else wanted


def cell_edges(positions: Sequence[float], scale: Scale) -> tuple[float, ...]:
    """The edges of the cells: midpoints between neighbours; the outermost cells are symmetric.

    On a logarithmic axis the midpoint is the geometric mean.

    Args:
        positions: positions of the values, ascending.
        scale: `log` or any other.

    Returns:
        One more edge than there are values, ascending.

    >>> cell_edges([1, 4, 16], "log"), cell_edges([0, 2, 3], "linear")
    ((0.5, 2.0, 8.0, 32.0), (-1.0, 1.0, 2.5, 3.5))
    """
    if len(positions) == 1:
        return (positions[0] - 0.5, positions[0] + 0.5)
    if scale == "log":
        inner = [math.sqrt(low * high) for low, high in itertools.pairwise(positions)]
        return (positions[0] ** 2 / inner[0], *inner, positions[-1] ** 2 / inner[-1])
    inner = [(low + high) / 2 for low, high in itertools.pairwise(positions)]
    return (2 * positions[0] - inner[0], *inner, 2 * positions[-1] - inner[-1])


@dataclass(frozen=True)
class Axis:
    """One drawn axis: the values of a parameter in ascending order, and their scale."""

    path: str
    values: tuple[Any, ...]
    scale: Scale
    vertical: bool

    @property
    def name(self) -> str:
        """The parameter in words."""
        return parameter(self.path).title

    @property
    def title(self) -> str:
        """The parameter with an arrow in the direction of less load or higher temperature."""
        if self.path not in KNOWN:
            return self.name
        effect = "less load" if self.path.startswith("load.") else "hotter"
        return f"{self.name}   ({f'↑ {effect}' if self.vertical else f'{effect} →'})"

    @property
    def reverse(self) -> bool:
        """Whether high values are at the left or at the bottom."""
        return parameter(self.path).descending and self._has_order

    @property
    def labels(self) -> list[str]:
        """The label of every value, from left to right or from top to bottom."""
        texts = [label(value) for value in self.values]
        return texts[::-1] if self.reverse != self.vertical else texts

    @cached_property
    def positions(self) -> tuple[float, ...]:
        """Positions of the values on the scale: the values themselves, or 0, 1, 2, ... if even."""
        if self.scale == "even":
            return tuple(float(i) for i in range(len(self.values)))
        return self.values

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """The edges of the cells, ascending."""
        return cell_edges(self.positions, self.scale)

    @cached_property
    def fractions(self) -> tuple[float, ...]:
        """The edges as fractions of the axis length, from its low end."""
        low, high = self._linearised(self.edges[0]), self._linearised(self.edges[-1])
        return tuple((self._linearised(edge) - low) / (high - low) for edge in self.edges)

    @property
    def narrowest(self) -> float:
        """Width of the narrowest cell as a fraction of the axis length."""
        return min(high - low for low, high in itertools.pairwise(self.fractions))

    def fraction(self, position: float) -> float:
        """A position as a fraction of the axis length, from its low end."""
        low, high = self._linearised(self.edges[0]), self._linearised(self.edges[-1])
        return (self._linearised(position) - low) / (high - low)

    def cell(self, value: Any) -> tuple[float, float, float, float]:
        """The cell of a value: lower edge, upper edge, middle, and the position of the value."""
        i = self.values.index(value)
        low, high = self.edges[i], self.edges[i + 1]
        middle = math.sqrt(low * high) if self.scale == "log" else (low + high) / 2
        return low, high, middle, self.positions[i]

    @property
    def _has_order(self) -> bool:
        return are_numbers(self.values)

    def _linearised(self, position: float) -> float:
        return math.log(position) if self.scale == "log" else position


def make_axis(path: str, values: Sequence[Any], setting: str, *, vertical: bool) -> Axis:
    """The axis of a parameter; its cells are of equal size if some would be too narrow to be seen.

    Args:
        path: the parameter.
        values: its value in every cell, in the order of the grid.
        setting: `report.x_scale` or `report.y_scale`.
        vertical: whether this is the y axis.
    """
    distinct = ordered(values)
    scale = chosen_scale(distinct, parameter(path).scale, setting)
    axis = Axis(path, distinct, scale, vertical)
    return axis if _can_be_seen(axis) else replace(axis, scale="even")


def _can_be_seen(axis: Axis) -> bool:
    """Whether each cell has a width, which rounding may leave none of values far apart."""
    try:
        return axis.narrowest > NARROWEST
    except (ArithmeticError, ValueError):  # an edge beyond the largest float, or the logarithm of 0
        return False
