"""What a claim is: a statement of the paper, its parts, and what is needed to test it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.margins import Margin
from landscape_catalog.schema.parameters import parameter

PAPER_PHASES = ("I", "II", "III", "IV-A", "IV-B")


class UntestableError(Exception):
    """A claim cannot be tested on a grid; the message says why and what would be needed."""


class Effect(Protocol):
    """A measured effect."""

    @property
    def value(self) -> float:
        """In the part's unit."""

    @property
    def n_units(self) -> int:
        """How many lines, cells or neighbourhoods it was measured on."""

    @property
    def n_blocks(self) -> int:
        """How many blocks of neighbouring ones were resampled."""

    @property
    def note(self) -> str:
        """What else was seen, as a sentence; empty if nothing."""

    def interval(self, tail: float) -> tuple[float, float]:
        """Limits, each of which is beyond the true value with a probability of `tail`."""


Axes = Callable[[Grid], Sequence[str]]


def no_axis(grid: Grid) -> Sequence[str]:
    """For an effect that is measured on all cells at once."""
    return ("",)


def each_temperature(grid: Grid) -> Sequence[str]:
    """For an effect "in the same landscape": along every temperature-like axis by itself."""
    return grid.temperature_paths


def each_load(grid: Grid) -> Sequence[str]:
    """For an effect "at the same temperature": along every load-like axis by itself."""
    return grid.load_paths


def only(path: str) -> Axes:
    """For an effect along a single axis."""
    return lambda grid: (path,)


@dataclass(frozen=True)
class Part:
    """One effect that a claim asserts; a claim holds if all of its parts do.

    Attributes:
        name: the effect in words, with the comparison that is made.
        unit: of the effect.
        margin: where the effect has to be, and why.
        measure: measures the effect on a grid along the axis with this path; raises UntestableError
            if there is too little data.
        units: what the effect is averaged over, in plural.
        along: the axes of a grid along each of which the effect is measured and has to hold.
    """

    name: str
    unit: str
    margin: Margin
    measure: Callable[[Grid, str], Effect]
    units: str = "lines"
    along: Axes = no_axis

    @property
    def is_by_axis(self) -> bool:
        """Whether it is measured along each axis of a kind, which its name does not say."""
        return self.along in (each_temperature, each_load)


@dataclass(frozen=True)
class Needs:
    """What a grid must have for a claim to be tested.

    Attributes:
        metrics: each a metric, or alternatives joined by `|`.
        axes: dotted paths of parameters with several values.
        temperature: whether a temperature-like parameter must vary.
        load: whether a load-like parameter must vary.
        phases: whether the cells must have phases of the paper.
        percent: whether performance must be an accuracy in percent, which margins are in.
        decay: whether there must be a variant with learning-rate decay beside one without.
        label_noise: whether cells must have noisy labels.
    """

    metrics: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    temperature: bool = False
    load: bool = False
    phases: bool = False
    percent: bool = False
    decay: bool = False
    label_noise: bool = False

    def missing(self, grid: Grid) -> list[str]:
        """What a grid lacks, as phrases that say what would be needed."""
        paths = {axis.path for axis in grid.axes if axis.is_ordered and len(axis.values) > 1}
        found = [
            f"several values of {parameter(path).title} ({path})"
            for path in self.axes
            if path not in paths
        ]
        if self.temperature and not grid.temperature_paths:
            found.append("several values of a temperature-like parameter")
        if self.load and not grid.load_paths:
            found.append("several values of a load-like parameter")
        if self.decay and grid.decay is None:
            found.append("a variant with learning-rate decay (`decay` in its name) and one without")
        if self.label_noise and not grid.has_label_noise:
            found.append("training labels that are noisy (load.label_noise above 0)")
        if self.percent and not grid.in_percent:
            found.append("a test accuracy in percent")
        found += [
            f"the metric {name.replace('|', ' or ').replace('_', ' ')}"
            for name in self.metrics
            if not any(grid.has(one) for one in name.split("|"))
        ]
        if self.phases and not set(PAPER_PHASES) & set(grid.phases):
            found.append("cells classified by the rule yang2021")
        return found


@dataclass(frozen=True)
class Claim:
    """An empirical claim of the paper.

    Attributes:
        name: short, unique, for the command line and JSON.
        statement: what the paper says, in its terms.
        source: section and figures.
        needs: what a grid must have.
        parts: the effects that it asserts.
    """

    name: str
    statement: str
    source: str
    parts: tuple[Part, ...]
    needs: Needs = field(default_factory=Needs)
