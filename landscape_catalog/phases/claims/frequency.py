"""How often something is seen, counted in neighbourhoods of the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.resampling import SIDE, require


@dataclass(frozen=True)
class Frequency:
    """The share of neighbourhoods in which something is seen."""

    n_seen: int
    n_units: int
    note: str = ""

    @property
    def value(self) -> float:
        """The share."""
        return self.n_seen / self.n_units

    @property
    def n_blocks(self) -> int:
        """Each neighbourhood is a block."""
        return self.n_units

    def interval(self, tail: float) -> tuple[float, float]:
        """Exact limits of Clopper and Pearson (1934); they need no event to have been seen.

        >>> Frequency(0, 30).interval(0.05)[1].__round__(3)  # the rule of three: 3 / 30
        0.095
        """
        from scipy import stats  # heavy, and only needed here

        seen, unseen = self.n_seen, self.n_units - self.n_seen
        low = float(stats.beta.ppf(tail, seen, unseen + 1)) if seen else 0.0
        high = float(stats.beta.ppf(1 - tail, seen + 1, unseen)) if unseen else 1.0
        return low, high


def neighbourhoods(grid: Grid, cells: np.ndarray) -> np.ndarray:
    """The neighbourhood of each cell: two steps of the grid along every axis, (cells,).

    Args:
        grid: the cells.
        cells: indices of the cells.
    """
    sides = np.array([SIDE if axis.is_ordered else 1 for axis in grid.axes] + [1])
    tiles = grid.coordinates[cells] // sides
    return np.unique(tiles, axis=0, return_inverse=True)[1].ravel()


def share_of_neighbourhoods(grid: Grid, among: np.ndarray, seen: np.ndarray) -> Frequency:
    """In which share of the neighbourhoods with some cells at least one of them has a property.

    Args:
        grid: the cells.
        among: which cells count, (cells,).
        seen: which of them have the property, (cells,).

    Raises:
        UntestableError: if fewer than 4 neighbourhoods have such cells.
    """
    cells = np.flatnonzero(among)
    tiles = neighbourhoods(grid, cells)
    require(len(np.unique(tiles)), "neighbourhoods with similar models")
    with_it = np.unique(tiles[seen[cells]])
    note = f"{int((among & seen).sum())} of {len(cells)} such cells are poorly connected"
    return Frequency(len(with_it), len(np.unique(tiles)), note)
