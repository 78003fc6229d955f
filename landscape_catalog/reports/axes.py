"""The two drawn axes to scale: which way they run, and where each cell begins and ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Scale = Literal["log", "linear", "even"]


@dataclass(frozen=True)
class Parameter:
    """How a parameter of the grid is drawn.

    `falling`: it falls in the direction of its axis (to the right, or upwards).
    """

    title: str
    scale: Scale
    falling: bool = False


KNOWN = {
    "load.width": Parameter("width", "log"),
    "load.samples": Parameter("training samples", "log"),
    "load.label_noise": Parameter("label noise", "linear", falling=True),
    "load.pixel_noise": Parameter("pixel noise", "linear", falling=True),
    "temperature.batch_size": Parameter("batch size", "log", falling=True),
    "temperature.lr": Parameter("learning rate", "log"),
    "temperature.weight_decay": Parameter("weight decay", "log"),
}


def parameter(path: str) -> Parameter:
    """A parameter by its dotted path; one of one's own is linear and rises.

    >>> parameter("load.extra.reaction_rate")
    Parameter(title='reaction rate', scale='linear', falling=False)
    """
    own = Parameter(path.rsplit(".", 1)[-1].replace("_", " "), "linear")
    return KNOWN.get(path, own)


def label(value: Any) -> str:
    """A parameter's value as it is written on an axis.

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
    """The distinct values: numbers from low to high, anything else in order of appearance.

    >>> ordered([3, 1, 2, 1]), ordered(["tanh", "relu", "tanh"])
    ((1, 2, 3), ('tanh', 'relu'))
    """
    distinct = tuple(dict.fromkeys(values))
    return tuple(sorted(distinct)) if _are_numbers(distinct) else distinct


def chosen_scale(values: Sequence[Any], usual: Scale, setting: str) -> Scale:
    """How an axis is drawn: as the setting says, else as is usual, where the values allow it.

    Equal cells for what is no number and for a single value; no logarithm of zero.

    >>> chosen_scale([1, 2, 4], "log", "auto"), chosen_scale([0.0, 0.1], "log", "auto")
    ('log', 'linear')
    >>> chosen_scale(["relu", "tanh"], "linear", "log"), chosen_scale([8], "log", "auto")
    ('even', 'even')
    """
    if len(values) < 2 or not _are_numbers(values):
        return "even"
    wanted: Any = usual if setting == "auto" else setting
    return "linear" if wanted == "log" and min(values) <= 0 else wanted


def cell_edges(places: Sequence[float], scale: Scale) -> tuple[float, ...]:
    """Where cells begin and end: half-way between neighbours, the outermost cells symmetrical.

    Half-way on a logarithmic axis is the geometric mean.

    Args:
        places: where the values lie, rising.
        scale: `log` or not.

    Returns:
        One edge more than there are places, rising.

    >>> cell_edges([1, 4, 16], "log"), cell_edges([0, 2, 3], "linear")
    ((0.5, 2.0, 8.0, 32.0), (-1.0, 1.0, 2.5, 3.5))
    """
    if len(places) == 1:
        return (places[0] - 0.5, places[0] + 0.5)
    if scale == "log":
        inner = [math.sqrt(low * high) for low, high in itertools.pairwise(places)]
        return (places[0] ** 2 / inner[0], *inner, places[-1] ** 2 / inner[-1])
    inner = [(low + high) / 2 for low, high in itertools.pairwise(places)]
    return (2 * places[0] - inner[0], *inner, 2 * places[-1] - inner[-1])


@dataclass(frozen=True)
class Axis:
    """One drawn axis: a parameter's values from low to high, and how they are spread."""

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
        """The parameter with the direction in which load falls or temperature rises."""
        if self.path not in KNOWN:
            return self.name
        effect = "less load" if self.path.startswith("load.") else "hotter"
        return f"{self.name}   ({f'↑ {effect}' if self.vertical else f'{effect} →'})"

    @property
    def reverse(self) -> bool:
        """Whether high values lie at the left or at the bottom."""
        return parameter(self.path).falling and self._has_order

    @property
    def labels(self) -> list[str]:
        """Every value as text, from left to right or from top to bottom."""
        texts = [label(value) for value in self.values]
        return texts[::-1] if self.reverse != self.vertical else texts

    @cached_property
    def places(self) -> tuple[float, ...]:
        """Where the values lie on the scale: they themselves, or 0, 1, 2, ... on equal cells."""
        if self.scale == "even":
            return tuple(float(i) for i in range(len(self.values)))
        return self.values

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """Where cells begin and end, rising."""
        return cell_edges(self.places, self.scale)

    @cached_property
    def fractions(self) -> tuple[float, ...]:
        """The edges as parts of the axis' length, from its low end."""
        low, high = self._straight(self.edges[0]), self._straight(self.edges[-1])
        return tuple((self._straight(edge) - low) / (high - low) for edge in self.edges)

    @property
    def narrowest(self) -> float:
        """The narrowest cell as a part of the axis' length."""
        return min(high - low for low, high in itertools.pairwise(self.fractions))

    def part(self, place: float) -> float:
        """A place as a part of the axis' length, from its low end."""
        low, high = self._straight(self.edges[0]), self._straight(self.edges[-1])
        return (self._straight(place) - low) / (high - low)

    def cell(self, value: Any) -> tuple[float, float, float, float]:
        """A value's cell: where it begins and ends, its middle, and where the value lies."""
        i = self.values.index(value)
        low, high = self.edges[i], self.edges[i + 1]
        middle = math.sqrt(low * high) if self.scale == "log" else (low + high) / 2
        return low, high, middle, self.places[i]

    @property
    def _has_order(self) -> bool:
        return _are_numbers(self.values)

    def _straight(self, place: float) -> float:
        return math.log(place) if self.scale == "log" else place


def make_axis(path: str, values: Sequence[Any], setting: str, *, vertical: bool) -> Axis:
    """The axis of a parameter.

    Args:
        path: the parameter.
        values: its value in every cell, in the order of the grid.
        setting: `report.x_scale` or `report.y_scale`.
        vertical: whether it runs upwards.
    """
    distinct = ordered(values)
    scale = chosen_scale(distinct, parameter(path).scale, setting)
    return Axis(path, distinct, scale, vertical)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
