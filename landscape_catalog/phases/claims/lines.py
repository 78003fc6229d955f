"""Effects along the lines of a grid: changes along an axis, and differences between phases."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.resampling import Jackknifed, mean_over
from landscape_catalog.schema.parameters import parameter

LineEffect = Callable[[np.ndarray], float]


def over_lines(
    grid: Grid, path: str, effect: LineEffect, *, units: str, note: str = ""
) -> Jackknifed:
    """The mean of an effect over all lines along an axis.

    Args:
        grid: the cells.
        path: of the axis.
        effect: of a line, given the indices of its cells towards less load or a higher
            temperature; NaN if the line has none.
        units: what the lines are, in words.
        note: kept with the result.

    Raises:
        UntestableError: if fewer than 4 lines have an effect.
    """
    lines = grid.lines(path)
    values = np.array([effect(line) for line in lines], dtype=float)
    coordinates = grid.elsewhere(np.array([line[0] for line in lines], dtype=int), path)
    return mean_over(values, coordinates, units=units, note=note)


def half_difference(values: np.ndarray) -> float:
    """The mean of the later half of a line less that of the earlier; the middle one is left out.

    >>> half_difference(np.array([1.0, 2.0, 9.0, 4.0, 5.0]))
    3.0
    """
    known = values[np.isfinite(values)]
    half = len(known) // 2
    return float(known[-half:].mean() - known[:half].mean()) if half else math.nan


def change_along(grid: Grid, path: str, values: np.ndarray) -> Jackknifed:
    """How a metric changes from the half of each line with more load (or colder) to the other.

    Args:
        grid: the cells.
        path: of the axis.
        values: of each cell, (cells,); NaN for cells that are left out.
    """
    return over_lines(
        grid,
        path,
        lambda line: half_difference(values[line]),
        units=f"lines along {parameter(path).title} with at least two such cells",
    )


def group_difference(
    grid: Grid,
    path: str,
    values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    units: str,
) -> Jackknifed:
    """Mean of a metric over the first group less that over the second, within each line.

    Args:
        grid: the cells.
        path: of the axis.
        values: of each cell, (cells,).
        first, second: which cells are in the groups, (cells,).
        units: what the lines are that have cells of both groups, in words.
    """

    def effect(line: np.ndarray) -> float:
        one, other = _known(values, line, first), _known(values, line, second)
        return float(one.mean() - other.mean()) if len(one) and len(other) else math.nan

    return over_lines(grid, path, effect, units=units)


def best_difference(
    grid: Grid,
    path: str,
    values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    units: str,
    equal_numbers: bool = False,
    note: str = "",
) -> Jackknifed:
    """The best cell of the first group less the best of the second, within each line.

    The best of many is better than the best of few even if there is no difference. With
    `equal_numbers` it is the best of as many cells as the smaller group has: the mean over all ways
    to choose them.
    """

    def effect(line: np.ndarray) -> float:
        one, other = _known(values, line, first), _known(values, line, second)
        if not len(one) or not len(other):
            return math.nan
        n = min(len(one), len(other)) if equal_numbers else 0
        return expected_best(one, n or len(one)) - expected_best(other, n or len(other))

    return over_lines(grid, path, effect, units=units, note=note)


def expected_best(values: np.ndarray, n: int) -> float:
    """The mean, over all choices of n of the values, of the largest one chosen.

    The k-th smallest of N values is the largest of C(k-1, n-1) of the C(N, n) choices.

    >>> expected_best(np.array([1.0, 2.0, 3.0]), 2)
    2.6666666666666665
    """
    ordered = np.sort(values)
    ways = [math.comb(k, n - 1) for k in range(len(ordered))]
    return float(np.dot(ordered, ways) / math.comb(len(ordered), n))


def _known(values: np.ndarray, line: np.ndarray, group: np.ndarray) -> np.ndarray:
    found = values[line][group[line]]
    known: np.ndarray = found[np.isfinite(found)]
    return known
