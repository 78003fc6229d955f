"""Bands of high test error at the transition between sharp and flat cells: double descent."""

from __future__ import annotations

import math

import numpy as np

from landscape_catalog.phases.claims.claim import UntestableError
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.resampling import (
    FEWEST_BLOCKS,
    Jackknifed,
    blocks_of,
    jackknife,
)
from landscape_catalog.schema.parameters import parameter

SHARP, FLAT = ("I", "II"), ("III", "IV-A", "IV-B")
OFFSETS = (-1, 0, 1)
"""Steps from the transition at which the band may lie."""
SIDE = 3
"""Most cells of each side of the band."""


def best_split(first_kind: np.ndarray) -> int:
    """Where a line changes from one kind to another: the number of cells before the change.

    It is the split with the fewest cells on the wrong side, whichever kind comes first.

    >>> best_split(np.array([True, True, False, True, False, False]))
    2
    """
    n, total = len(first_kind), int(first_kind.sum())
    before = np.cumsum(first_kind)[:-1]
    sizes = np.arange(1, n)
    wrong = (sizes - before) + (total - before)  # if this kind comes first
    return int(np.argmin(np.minimum(wrong, n - wrong))) + 1


def ridges(grid: Grid, path: str, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much higher the error at the transition is than on both sides of it, for each line.

    The band is two cells, at each of the offsets from the transition; the sides are the next one to
    three cells. The height is over the higher side, so that a slope or a single
    minimum gives a negative number. The transition is known from the phases, not from the error, so
    that noise does not raise the height.

    Args:
        grid: the cells.
        path: of the axis.
        error: of each cell, (cells,); NaN for cells that are left out.

    Returns:
        Heights (lines, offsets), NaN where there are too few cells, and coordinates (lines, axes).
    """
    heights, coordinates = [], []
    sharp, flat = grid.among(*SHARP), grid.among(*FLAT)
    for line in grid.lines(path):
        cells = line[(sharp | flat)[line] & np.isfinite(error[line])]
        coordinates.append(grid.elsewhere(line[:1], path)[0])
        if not sharp[cells].any() or not flat[cells].any():
            heights.append([math.nan] * len(OFFSETS))
            continue
        split = best_split(sharp[cells])
        heights.append([_height(error[cells], split + offset) for offset in OFFSETS])
    shape = (len(heights), grid.coordinates.shape[1] - 1)
    return np.reshape(heights, (-1, len(OFFSETS))), np.reshape(coordinates, shape)


def _height(error: np.ndarray, centre: int) -> float:
    """Of the cells on either side of a split over the higher of the two sides."""
    if centre < 1 or centre >= len(error):
        return math.nan
    before = error[max(0, centre - 1 - SIDE) : max(0, centre - 1)]
    after = error[centre + 1 : centre + 1 + SIDE]
    if not len(before) or not len(after):
        return math.nan
    return float(error[centre - 1 : centre + 1].mean() - max(before.mean(), after.mean()))


def mean_ridge(grid: Grid, path: str, among: np.ndarray) -> Jackknifed:
    """The mean height of the band of test error at the transition, over the lines that cross it.

    The offset of the band from the transition, the same for all lines, is chosen on the other
    blocks of lines, so that choosing it does not raise the height either.

    Args:
        grid: the cells.
        path: of the axis.
        among: which cells count, (cells,).

    Raises:
        UntestableError: if fewer than 4 lines have enough cells on both sides of the transition.
    """
    heights, coordinates = ridges(grid, path, np.where(among, -grid.accuracy, np.nan))
    usable = np.isfinite(heights).all(axis=1)
    if usable.sum() < FEWEST_BLOCKS:
        raise UntestableError(
            f"too few lines along {parameter(path).title} with a transition between sharp and flat "
            f"and enough cells on both sides: {int(usable.sum())}, and {FEWEST_BLOCKS} of six "
            "cells or more are needed"
        )
    heights, coordinates = heights[usable], coordinates[usable]
    blocks = blocks_of(coordinates)
    return jackknife(lambda kept: held_out_mean(heights[kept], blocks[kept]), coordinates)


def held_out_mean(heights: np.ndarray, blocks: np.ndarray) -> float:
    """The mean height, each line's at the offset that is best on average in the other blocks.

    Args:
        heights: (lines, offsets).
        blocks: of the lines, (lines,).
    """
    values = np.full(len(heights), math.nan)
    for block in np.unique(blocks):
        here = blocks == block
        if not here.all():
            values[here] = heights[here, int(np.argmax(heights[~here].mean(axis=0)))]
    return float(values.mean())
