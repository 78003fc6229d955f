"""Errors of effects on a grid whose neighbouring cells depend on each other: block jackknife.

Neighbouring cells share data and a smooth response, so they are not independent. Lines or cells are
put into blocks of neighbours; the statistic is computed again without each block in turn, and the
spread of the results gives its standard error (Künsch 1989; for blocks of unequal size Busing,
Meijer and van der Leeden 1999). Blocks of a few steps are still correlated with each other, which
makes this error too small; it is multiplied by the factor that is exact for the mean of units whose
correlation is `DEPENDENCE` per step. Limits are quantiles of Student's t with one degree of freedom
less than there are blocks, which holds for few blocks and unequal variances (Ibragimov and Müller
2010).

A bootstrap that draws blocks has the same standard error, but its percentiles are far too narrow
with the four to nine blocks that a grid gives (docs/claims.md compares both), and blocks that are
drawn twice would be in the training and the test part of a cross-validation at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from landscape_catalog.phases.claims.claim import UntestableError

FEWEST_BLOCKS, MOST_BLOCKS = 4, 9
SIDE = 2  # steps of the grid along each axis of a block, at least
DEPENDENCE = 0.5  # correlation of neighbours that the error allows for
MOST_DISTANCES = 1500  # units whose distances are computed; of more, evenly chosen ones

Statistic = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Jackknifed:
    """An effect with its standard error from resampled blocks."""

    value: float
    error: float
    n_units: int
    n_blocks: int
    note: str = ""
    largest: float = math.inf

    def interval(self, tail: float) -> tuple[float, float]:
        """value ± t * error, with t the quantile 1 - tail of Student's distribution.

        It is cut off at what the effect can be at most, `largest` in absolute value.
        """
        reach = float(stats.t.ppf(1 - tail, self.n_blocks - 1)) * self.error
        return max(self.value - reach, -self.largest), min(self.value + reach, self.largest)


def number_of_blocks(n_units: int, n_dimensions: int) -> int:
    """How many blocks: of two steps along each axis, but at least 4 and at most 9.

    >>> number_of_blocks(8, 1), number_of_blocks(15, 1), number_of_blocks(130, 2)
    (4, 7, 9)
    """
    per_block = int(SIDE ** max(1, n_dimensions))
    return min(n_units, max(FEWEST_BLOCKS, min(MOST_BLOCKS, n_units // per_block)))


def blocks_of(coordinates: np.ndarray) -> np.ndarray:
    """Blocks of neighbours: the units are cut in two along their longest axis, and so on.

    Args:
        coordinates: (units, axes), in steps of the grid; units at the same place are in one block.

    Returns:
        The number of each unit's block, (units,).
    """
    places, unit_place = _places(coordinates)
    varying = places[:, np.ptp(places, axis=0) > 0] if len(places) else places
    found = np.zeros(len(places), dtype=int)
    todo = [(np.arange(len(places)), number_of_blocks(len(places), varying.shape[1]))]
    n_done = 0
    while todo:
        cut_off, n_blocks = todo.pop()
        if n_blocks <= 1:
            found[cut_off] = n_done
            n_done += 1
            continue
        here = varying[cut_off]
        along = int(np.argmax(np.ptp(here, axis=0)))
        order = np.lexsort((*np.delete(here, along, axis=1).T[::-1], here[:, along]))
        first = n_blocks // 2
        cut = round(len(cut_off) * first / n_blocks)
        todo += [(cut_off[order[cut:]], n_blocks - first), (cut_off[order[:cut]], first)]
    return found[unit_place]


def _places(coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct coordinates, and which of them each unit has."""
    places, unit_place = np.unique(coordinates, axis=0, return_inverse=True)
    return places, unit_place.ravel()


def inflation(coordinates: np.ndarray, blocks: np.ndarray) -> float:
    """By how much the error from blocks is too small, since they are correlated with each other.

    sqrt(Var(mean) / E[jackknife variance]) of the mean over blocks, if the correlation of two units
    is DEPENDENCE**(steps between them).

    Args:
        coordinates: (units, axes), in steps of the grid.
        blocks: the number of each unit's block, (units,).
    """
    places, unit_place = _places(coordinates)
    numbers = np.zeros(len(places), dtype=int)
    numbers[unit_place] = blocks
    stride = -(-len(places) // MOST_DISTANCES)
    places, numbers = places[::stride], numbers[::stride]
    steps = sum(np.abs(np.subtract.outer(axis, axis)) for axis in places.T)
    members = (numbers[:, None] == np.unique(numbers)).astype(float)
    members /= members.sum(axis=0)
    covariance = members.T @ DEPENDENCE ** np.asarray(steps, dtype=float) @ members
    n = len(covariance)
    of_mean = covariance.sum() / n**2
    expected = (np.trace(covariance) / n - of_mean) / (n - 1)
    return math.sqrt(of_mean / expected)


def jackknife(
    statistic: Statistic, coordinates: np.ndarray, *, note: str = "", largest: float = math.inf
) -> Jackknifed:
    """A statistic with its standard error from leaving out blocks of neighbours.

    Args:
        statistic: of the units that are kept, a mask (units,).
        coordinates: of the units, (units, axes), in steps of the grid.
        note: kept with the result.
        largest: what the statistic can be at most, in absolute value.

    Raises:
        UntestableError: if there are fewer than 4 blocks, or the statistic needs one of them.
    """
    blocks = blocks_of(coordinates)
    names, sizes = np.unique(blocks, return_counts=True)
    if len(names) < FEWEST_BLOCKS:
        raise UntestableError(f"there are only {len(names)} blocks of cells; at least 4 are needed")
    whole = statistic(np.ones(len(blocks), dtype=bool))
    without = np.array([statistic(blocks != name) for name in names])
    if not np.isfinite([whole, *without]).all():
        raise UntestableError(
            "the effect hangs on a single block of neighbouring cells, so that its error is "
            "unknown; a larger grid is needed"
        )
    ratios = len(blocks) / sizes
    centre = len(names) * whole - np.sum((1 - 1 / ratios) * without)
    pseudo = ratios * whole - (ratios - 1) * without
    variance = np.mean((pseudo - centre) ** 2 / (ratios - 1))
    error = math.sqrt(variance) * inflation(coordinates, blocks)
    return Jackknifed(float(whole), error, len(blocks), len(names), note, largest)


def mean_over(
    values: np.ndarray, coordinates: np.ndarray, *, units: str, note: str = ""
) -> Jackknifed:
    """The mean of an effect over lines (or other units); units without a value are left out.

    Args:
        values: of each unit, (units,); NaN where there is none.
        coordinates: of each unit, (units, axes).
        units: what they are, in words, with what makes one of use.
        note: kept with the result.

    Raises:
        UntestableError: if there are fewer than 4 units with a value.
    """
    known = np.isfinite(values)
    require(int(known.sum()), units)
    values = values[known]
    return jackknife(lambda kept: float(values[kept].mean()), coordinates[known], note=note)


def require(n_units: int, units: str) -> None:
    """Raises UntestableError unless there are at least 4 units."""
    if n_units < FEWEST_BLOCKS:
        raise UntestableError(
            f"{n_units} {units} in this grid; at least {FEWEST_BLOCKS} are needed"
        )
