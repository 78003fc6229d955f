"""The gain by learning-rate decay in each landscape, and where it is largest (Figure 13)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.claims.claim import UntestableError
from landscape_catalog.phases.claims.fluctuation import best_split
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.resampling import (
    Jackknifed,
    jackknife,
    mean_over,
)

WIDTH = "load.width"
NEAR = 2  # loads on either side of the boundary that are near it
BEFORE, AT, AFTER = 0, 1, 2


@dataclass(frozen=True)
class Gains:
    """What decay gains at the best temperature of each landscape.

    Attributes:
        places: of the landscapes on the load-like axes, (landscapes, axes).
        gains: best accuracy with decay less that without, (landscapes,); NaN if unknown.
        connected: whether the best cell without decay is well connected, (landscapes,).
    """

    places: np.ndarray
    gains: np.ndarray
    connected: np.ndarray


def gains_of(grid: Grid) -> Gains:
    """Compare the best temperatures of both variants.

    Raises:
        UntestableError: if there is no variant with decay.
    """
    if grid.decay is None:
        raise UntestableError("there is no variant with learning-rate decay beside one without")
    loads = [i for i, axis in enumerate(grid.axes) if not axis.is_temperature]
    places, which = np.unique(grid.diagram.places[:, loads], axis=0, return_inverse=True)
    which = which.ravel()
    gains, connected = np.full(len(places), np.nan), np.zeros(len(places), dtype=bool)
    known = np.isfinite(grid.accuracy)
    poor = grid.among("I", "III")
    for i in range(len(places)):
        here = [
            np.flatnonzero(known & (which == i) & (grid.diagram.variant == variant))
            for variant in grid.decay
        ]
        if not all(map(len, here)):
            continue
        base, decayed = (cells[np.argmax(grid.accuracy[cells])] for cells in here)
        gains[i] = grid.accuracy[decayed] - grid.accuracy[base]
        connected[i] = not poor[base]
    keep = np.isfinite(gains)
    return Gains(places[keep], gains[keep], connected[keep])


def mean_gain(grid: Grid) -> Jackknifed:
    """The mean gain over landscapes. Raises UntestableError if there are fewer than 4."""
    found = gains_of(grid)
    return mean_over(found.gains, found.places, units="landscapes with both variants")


def gain_at_boundary(grid: Grid) -> Jackknifed:
    """The mean gain near the boundary of connectivity, over that farther away on either side.

    The boundary is between the loads at which the best cell without decay is poorly and well
    connected; near are the two loads on either side. The height is over the side with the larger
    gain, so that a slope gives a negative number.

    Raises:
        UntestableError: if fewer than 8 loads, in sequences with a boundary, have a gain.
    """
    found = gains_of(grid)
    loads = [axis.path for axis in grid.axes if not axis.is_temperature]
    along = loads.index(WIDTH if WIDTH in grid.load_paths else grid.load_paths[0])
    where = np.full(len(found.gains), -1)
    centred = found.gains.copy()
    others = np.delete(found.places, along, axis=1)
    for key in np.unique(others, axis=0):
        line = np.flatnonzero((others == key).all(axis=1))
        line = line[np.argsort(found.places[line, along])]
        connected = found.connected[line]
        if connected.all() or not connected.any():
            continue
        split, steps = best_split(connected), np.arange(len(line))
        where[line] = np.where(
            steps < split - NEAR, BEFORE, np.where(steps < split + NEAR, AT, AFTER)
        )
        centred[line] -= found.gains[line].mean()
    used = where >= 0
    counts = [int((where == side).sum()) for side in (BEFORE, AT, AFTER)]
    if min(counts) < 2:
        raise UntestableError(
            "it needs landscapes on both sides of the boundary of connectivity, at least two near "
            f"it and two farther than {NEAR} steps on each side; there are {counts[BEFORE]} "
            f"poorly and {counts[AFTER]} well connected ones farther, {counts[AT]} near"
        )
    gains, where = centred[used], where[used]

    def height(kept: np.ndarray) -> float:
        before, at, after = (
            gains[kept & (where == side)].mean() if (kept & (where == side)).any() else np.nan
            for side in (BEFORE, AT, AFTER)
        )
        return float(at - np.maximum(before, after))

    return jackknife(height, found.places[used])
