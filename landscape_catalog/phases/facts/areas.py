"""How much of a diagram each phase covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.groups import Group, groups_of
from landscape_catalog.phases.facts.scale import lengths
from landscape_catalog.phases.facts.words import setting_words, share
from landscape_catalog.phases.rule import NC, UNCLASSIFIED
from landscape_catalog.phases.yang2021 import Yang2021
from landscape_catalog.schema.words import counted

LEVEL = 0.90  # of every interval
WITHIN = 1.6449  # standard errors on either side of the mean in a normal interval of this level
LEAST_EXPECTED = 0.05  # cells; phases that are neither observed nor expected are left out


@dataclass(frozen=True)
class PhaseArea:
    """What one phase covers.

    Attributes:
        phase: its name.
        count: number of cells with this label.
        share: fraction of the cells.
        area: fraction of the area of the diagram on the natural scale of its axes.
        expected: expected number of cells, the sum of their probabilities; None if unknown.
        expected_low: lower end of the 90% interval of the number of cells.
        expected_high: upper end.
        area_expected: expected fraction of the area.
        area_low: lower end of its 90% interval.
        area_high: upper end.
    """

    phase: str
    count: int
    share: float
    area: float
    expected: float | None = None
    expected_low: int | None = None
    expected_high: int | None = None
    area_expected: float | None = None
    area_low: float | None = None
    area_high: float | None = None


@dataclass(frozen=True)
class Areas:
    """The phases of a diagram, of one of its variants, or of a facet.

    Attributes:
        variant: of the cells; empty if there is only one, or for all together.
        settings: what is constant in the facet, by dotted path; empty for the whole.
        n_cells: number of cells.
        n_unknown: cells without probabilities; they count as their label in what is expected.
        phases: each phase that occurs or is expected.
        words: a sentence.
    """

    variant: str
    settings: dict[str, Any]
    n_cells: int
    n_unknown: int
    phases: tuple[PhaseArea, ...]
    words: str


def areas_of(
    diagram: Diagram, probabilities: Mapping[str, np.ndarray] | None = None
) -> tuple[Areas, ...]:
    """Count, share of the cells and share of the area of each phase.

    The area of a cell is the product of its lengths on all axes; cells that the grid lacks have
    none. With probabilities, a phase is expected in sum_i p_i cells. Their number has the
    distribution of a sum of independent draws (Poisson binomial), and the interval holds its 5% and
    95% quantiles; that of the area is normal with variance sum_i w_i^2 p_i (1 - p_i). The labels of
    neighbouring cells are not independent where they share data, which the interval leaves out.

    Args:
        diagram: the classified cells.
        probabilities: of each phase for each cell, (cells,); NaN where unknown.

    Returns:
        The whole diagram, then its variants, then its facets; empty without phases.
    """
    if not diagram.phases:
        return ()
    weights = np.ones(len(diagram))
    for i, axis in enumerate(diagram.axes):
        weights = weights * lengths(axis)[diagram.places[:, i]]
    return tuple(_areas(diagram, group, weights, probabilities) for group in groups_of(diagram))


def _areas(
    diagram: Diagram,
    group: Group,
    weights: np.ndarray,
    probabilities: Mapping[str, np.ndarray] | None,
) -> Areas:
    labels = np.array(diagram.phases, dtype=object)[group.cells]
    own = weights[group.cells] / weights[group.cells].sum()
    known = _known(probabilities, group.cells)
    found = []
    for name in phase_order(diagram.phases, probabilities or {}):
        is_it = (labels == name).astype(float)
        chances = is_it
        if probabilities and known.any():
            given = probabilities.get(name, np.zeros(len(diagram)))[group.cells]
            chances = np.where(known, np.nan_to_num(given), is_it)
        if not is_it.any() and chances.sum() < LEAST_EXPECTED:
            continue
        counts = (int(is_it.sum()), float(is_it.mean()), float(own @ is_it))
        band = _band(chances, own) if known.any() else {}
        found.append(PhaseArea(name, *counts, **band))
    n_unknown = int((~known).sum())
    words = _words(group, found, len(labels))
    return Areas(group.variant, group.settings, len(labels), n_unknown, tuple(found), words)


def phase_order(labels: tuple[str, ...], probabilities: Mapping[str, Any]) -> list[str]:
    """The phases that occur: those of the paper's rule in its order, others, NC, unclassified."""
    own = [phase.name for phase in Yang2021.own_phases]
    last = [NC.name, UNCLASSIFIED.name]
    every = dict.fromkeys([*labels, *probabilities])
    others = [name for name in every if name not in own and name not in last]
    return [name for name in [*own, *others, *last] if name in every]


def _known(probabilities: Mapping[str, np.ndarray] | None, cells: np.ndarray) -> np.ndarray:
    """Which of the cells have probabilities."""
    if not probabilities:
        return np.zeros(len(cells), dtype=bool)
    each = np.array([array[cells] for array in probabilities.values()])
    return np.asarray(np.isfinite(each).any(axis=0))


def _band(chances: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    low, high = count_interval(chances)
    area = float(weights @ chances)
    error = WITHIN * float(np.sqrt(weights**2 @ (chances * (1 - chances))))
    return {
        "expected": float(chances.sum()),
        "expected_low": low,
        "expected_high": high,
        "area_expected": area,
        "area_low": max(area - error, 0.0),
        "area_high": min(area + error, 1.0),
    }


def count_interval(chances: np.ndarray, level: float = LEVEL) -> tuple[int, int]:
    """The central interval of the number of successes of independent draws (Poisson binomial).

    Args:
        chances: probability of success of each draw.
        level: probability that the number lies in the interval, at least.

    >>> count_interval(np.full(100, 0.5)), count_interval(np.array([1.0, 0.0]))
    ((42, 58), (1, 1))
    """
    uncertain = chances[(chances > 0) & (chances < 1)]
    mass = np.ones(1)
    for chance in uncertain:
        mass = np.convolve(mass, [1 - chance, chance])
    below = np.cumsum(mass)
    tail = (1 - level) / 2
    certain = int((chances >= 1).sum())
    low = int(np.searchsorted(below, tail - 1e-12))
    high = int(np.searchsorted(below, 1 - tail - 1e-12))
    return certain + low, certain + min(high, len(uncertain))


def _words(group: Group, phases: list[PhaseArea], n_cells: int) -> str:
    where = setting_words(group.settings, group.variant)
    parts = [
        f"{one.phase} {one.count} ({share(one.area)} of the area{_expected(one)})"
        for one in sorted(phases, key=lambda one: -one.count)
        if one.count
    ]
    return f"{where + ': ' if where else ''}{counted(n_cells, 'cell')}: {', '.join(parts)}."


def _expected(area: PhaseArea) -> str:
    if area.expected is None:
        return ""
    return f", fresh runs {area.expected_low} to {area.expected_high} cells"
