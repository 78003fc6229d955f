"""What a variant gains over the first one, against the distance to the connectivity boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.facts.divisions import CONNECTIVITY, FIRST, SECOND
from landscape_catalog.phases.facts.groups import settings_of
from landscape_catalog.phases.facts.scale import positions
from landscape_catalog.phases.facts.slope import Slope, slope_of
from landscape_catalog.phases.facts.step import best_split
from landscape_catalog.phases.facts.words import difference, setting_words, title
from landscape_catalog.phases.rule import NC
from landscape_catalog.schema.words import counted


@dataclass(frozen=True)
class GainAtLoad:
    """The gain at one load, between the best temperatures of both variants.

    Attributes:
        settings: the load, by dotted path.
        base: performance of the first variant at its best temperature.
        value: performance of the variant at its best temperature.
        gain: how much better it is.
        standard_error: of the gain; None if unknown.
        connected: whether the first variant's best cell is well connected; None if unknown.
        steps: grid steps from the connectivity boundary, positive on the connected side; None if
            there is no boundary.
        distance: the same on the natural scale of the axis (powers of two if it is logarithmic).
    """

    settings: dict[str, Any]
    base: float
    value: float
    gain: float
    standard_error: float | None
    connected: bool | None
    steps: float | None
    distance: float | None


@dataclass(frozen=True)
class Gain:
    """The gain of a variant over the first one.

    Attributes:
        variant: the variant.
        base: the variant that it is compared with.
        metric: the performance metric.
        axis: the load-like axis along which distance is measured; empty if there is none.
        loads: the gain at each load.
        largest: index of the largest gain among `loads`.
        slope: change of the gain for each grid step away from the boundary, on either side; None
            with fewer than three loads on lines with a boundary.
        slope_low: lower end of its 90% interval.
        slope_high: upper end.
        n_in_slope: number of loads that the slope is from.
        words: a sentence.
    """

    variant: str
    base: str
    metric: str
    axis: str
    loads: tuple[GainAtLoad, ...]
    largest: int
    slope: float | None
    slope_low: float | None
    slope_high: float | None
    n_in_slope: int
    words: str


def gains_of(diagram: Diagram) -> tuple[Gain, ...]:
    """The gain of each variant over the first one at every load (Yang et al. 2021, Figure 13).

    At each load, the best cell over all temperatures is taken for either variant; NC cells are
    ignored. The boundary lies, on each line along the first ordered load axis, where the first
    variant's best cell goes from poorly to well connected (one step, see `best_split`). The slope
    is that of least squares of the gain against the absolute distance in grid steps, with an
    intercept of its own for each line, and a t interval that takes the loads as independent.

    Returns:
        One element for each further variant that has a load in common with the first.
    """
    axis = next(iter(diagram.load_axes), None)
    best = [_best_by_load(diagram, i) for i in range(len(diagram.variants))]
    found = [_gain(diagram, axis, best[0], best[i], i) for i in range(1, len(best))]
    return tuple(one for one in found if one is not None)


Load = tuple[int, ...]  # places on the load-like axes


def _best_by_load(diagram: Diagram, variant: int) -> dict[Load, int]:
    """The best cell of a variant at each load."""
    loads = [i for i, axis in enumerate(diagram.axes) if not axis.is_temperature]
    means = diagram.mean(diagram.performance)
    score = means if diagram.higher_is_better else -means
    found: dict[Load, int] = {}
    for cell in np.flatnonzero((diagram.variant == variant) & np.isfinite(means)).tolist():
        if diagram.phases and diagram.phases[cell] == NC.name:
            continue
        key = tuple(diagram.places[cell, loads].tolist())
        if key not in found or score[cell] > score[found[key]]:
            found[key] = cell
    return found


def _gain(
    diagram: Diagram,
    axis: DiagramAxis | None,
    base: dict[Load, int],
    best: dict[Load, int],
    variant: int,
) -> Gain | None:
    common = sorted(base.keys() & best.keys())
    if not common:
        return None
    steps, distances, lines = _distances(diagram, axis, [base[load] for load in common])
    sides = CONNECTIVITY.sides(diagram.phases) if diagram.phases else None
    loads = tuple(
        _at_load(diagram, base[load], best[load], sides, steps[i], distances[i])
        for i, load in enumerate(common)
    )
    gains = np.array([load.gain for load in loads])
    slope = slope_of(np.abs(steps), gains, lines)
    largest = int(np.argmax(gains))
    names = (diagram.variants[variant], diagram.variants[0])
    n = int(np.isfinite(steps).sum())
    words = _words(diagram, axis, names, loads, largest, slope, n)
    path = axis.path if axis else ""
    n_in_slope = n if slope[0] is not None else 0
    return Gain(*names, diagram.performance, path, loads, largest, *slope, n_in_slope, words)


def _at_load(
    diagram: Diagram,
    base: int,
    best: int,
    sides: np.ndarray | None,
    steps: float,
    distance: float,
) -> GainAtLoad:
    means = diagram.mean(diagram.performance)
    gain = float(means[best] - means[base]) * (1 if diagram.higher_is_better else -1)
    errors = diagram.standard_errors.get(diagram.performance)
    error = np.nan if errors is None else float(np.hypot(errors[base], errors[best]))
    without = tuple(axis.path for axis in diagram.axes if axis.is_temperature)
    side = None if sides is None else int(sides[base])
    return GainAtLoad(
        settings=settings_of(diagram, base, without=without),
        base=float(means[base]),
        value=float(means[best]),
        gain=gain,
        standard_error=error if np.isfinite(error) else None,
        connected=side == SECOND if side in (FIRST, SECOND) else None,
        steps=float(steps) if np.isfinite(steps) else None,
        distance=float(distance) if np.isfinite(distance) else None,
    )


def _distances(
    diagram: Diagram, axis: DiagramAxis | None, cells: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed distance of each load from the boundary of its line: in steps, on the natural scale.

    Also the number of the line that each load is on.
    """
    n = len(cells)
    steps, distances, lines = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=int)
    if axis is None or not diagram.phases:
        return steps, distances, lines
    along = diagram.axis(axis.path)
    loads = [i for i, other in enumerate(diagram.axes) if not other.is_temperature and i != along]
    places = diagram.places[list(cells)]
    if loads:
        lines = np.unique(places[:, loads], axis=0, return_inverse=True)[1].reshape(-1)
    own_sides, where = CONNECTIVITY.sides(diagram.phases)[list(cells)], positions(axis)
    rising = 1 if where[0] < where[-1] else -1
    for line in np.unique(lines):
        members = np.flatnonzero(lines == line)
        members = members[np.argsort(places[members, along])]
        known = members[own_sides[members] >= FIRST]
        own = own_sides[known]
        if len(set(own.tolist())) < 2:
            continue
        step = best_split(own)
        sign = -1 if step.is_reversed else 1
        low, high = places[known[step.after - 1], along], places[known[step.after], along]
        steps[members] = sign * (places[members, along] - (low + high) / 2)
        middle = (where[low] + where[high]) / 2
        distances[members] = sign * rising * (where[places[members, along]] - middle)
    return steps, distances, lines


def _words(
    diagram: Diagram,
    axis: DiagramAxis | None,
    names: tuple[str, str],
    loads: tuple[GainAtLoad, ...],
    largest: int,
    slope: Slope,
    n: int,
) -> str:
    metric, at = diagram.performance, loads[largest]
    where = setting_words(at.settings)
    words = (
        f"The gain of {names[0]} over {names[1]}, each at its best temperature, is largest at "
        f"{where or 'the only load'}: {difference(at.gain, metric)}"
    )
    if at.standard_error is not None:
        words += f" (standard error {difference(at.standard_error, metric)})"
    if at.steps is not None:
        side = "connected" if at.steps > 0 else "poorly connected"
        words += (
            f", {counted_steps(abs(at.steps))} from the connectivity boundary on the {side} side"
        )
    if axis is None or slope[0] is None:
        return words + "; its slope against the distance from the boundary is unknown."
    middle, low, high = (f"{value:+.2g}" for value in slope if value is not None)
    return (
        f"{words}. For each step of {title(axis.path)} away from the boundary it changes by "
        f"{middle} ({low} to {high}, {counted(n, 'load')})."
    )


def counted_steps(steps: float) -> str:
    """A number of grid steps.

    >>> counted_steps(0.5), counted_steps(1.0), counted_steps(2.5)
    ('0.5 steps', '1 step', '2.5 steps')
    """
    return f"{steps:g} step{'' if steps == 1 else 's'}"
