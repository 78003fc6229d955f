"""Errors of effects on a grid whose neighbouring cells depend on each other: block jackknife.

Neighbouring cells share data and a smooth response, so they are not independent. Lines or cells are
put into blocks of neighbours, and the statistic is computed again without each block in turn, which
gives a pseudo-value for each block (Quenouille 1956; Künsch 1989; for blocks of unequal size
Busing, Meijer and van der Leeden 1999). Their spread is the error, with two corrections:

- An effect that changes steadily along the grid (more with little data than with much, say) is not
  uncertain by that. So the spread is measured around a linear trend along the grid's axes.
- Blocks are correlated with each other. So the spread is scaled by the factor that is exact if the
  correlation of two units is `DEPENDENCE` per step between them.

Limits are quantiles of Student's t with the degrees of freedom of Satterthwaite (1946). A bootstrap
that draws blocks has percentiles that are far too narrow with the four to nine blocks that a grid
gives (docs/claims.md compares both), and blocks that are drawn twice would be in the training and
the test part of a cross-validation at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from landscape_catalog.phases.claims.claim import UntestableError

FEWEST_BLOCKS, MOST_BLOCKS = 4, 9
FEWEST_FOR_TREND = 6  # with fewer blocks, a trend would leave too few degrees of freedom
SIDE = 2  # steps of the grid along each axis of a neighbourhood
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
    freedom: float
    note: str = ""
    largest: float = math.inf

    def interval(self, tail: float) -> tuple[float, float]:
        """value ± t * error, with t the quantile 1 - tail of Student's distribution.

        It is cut off at what the effect can be at most, `largest` in absolute value.
        """
        reach = float(special.stdtrit(self.freedom, 1 - tail)) * self.error
        return max(self.value - reach, -self.largest), min(self.value + reach, self.largest)


def number_of_blocks(n_units: int, n_dimensions: int) -> int:
    """How many blocks: at most 9, at least 4, of two steps along each axis but the first.

    >>> number_of_blocks(8, 1), number_of_blocks(15, 1), number_of_blocks(16, 2)
    (8, 9, 8)
    """
    per_block = int(SIDE ** max(0, n_dimensions - 1))
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


def error_of_mean(
    pseudo: np.ndarray, coordinates: np.ndarray, blocks: np.ndarray
) -> tuple[float, float]:
    """The standard error of the mean of pseudo-values, and its degrees of freedom.

    With the covariance C of blocks if units are correlated by DEPENDENCE**(steps between them), and
    the projection M on what is left by a constant or a linear trend, the variance of the mean is
    |M p|^2 / tr(M C) * 1'C1 / blocks^2, with tr(M C)^2 / tr(M C M C) degrees of freedom.

    Args:
        pseudo: of each block, (blocks,).
        coordinates: (units, axes), in steps of the grid.
        blocks: the number of each unit's block, from 0, (units,).
    """
    places, unit_place = _places(coordinates)
    numbers = np.zeros(len(places), dtype=int)
    numbers[unit_place] = blocks
    stride = -(-len(places) // MOST_DISTANCES)
    places, numbers = places[::stride], numbers[::stride]
    steps = sum(np.abs(np.subtract.outer(axis, axis)) for axis in places.T)
    n = len(pseudo)
    members = np.eye(n)[numbers]
    members /= members.sum(axis=0)
    covariance = members.T @ DEPENDENCE ** np.asarray(steps, dtype=float) @ members
    known = np.ones((n, 1))
    if n >= FEWEST_FOR_TREND:
        known = np.column_stack([known, members.T @ places])
    left = np.eye(n) - known @ np.linalg.pinv(known)
    spread = left @ covariance
    scale = covariance.sum() / n**2 / np.trace(spread)
    freedom = np.trace(spread) ** 2 / np.trace(spread @ spread)
    return math.sqrt(float(np.sum((left @ pseudo) ** 2)) * scale), float(freedom)


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
    pseudo = ratios * whole - (ratios - 1) * without
    error, freedom = error_of_mean(pseudo, coordinates, blocks)
    return Jackknifed(float(whole), error, len(blocks), len(names), freedom, note, largest)


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
    positive = f"it is positive in {int((values > 0).sum())} of {len(values)}"
    return jackknife(
        lambda kept: float(values[kept].mean()),
        coordinates[known],
        note=f"{positive}; {note}" if note else positive,
    )


def require(n_units: int, units: str) -> None:
    """Raises UntestableError unless there are at least 4 units."""
    if n_units < FEWEST_BLOCKS:
        raise UntestableError(f"too few {units}: {n_units}, and {FEWEST_BLOCKS} are needed")
