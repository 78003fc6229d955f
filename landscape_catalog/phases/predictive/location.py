"""Where the mean of a metric lies in a cell, given its estimate and the means of the other cells.

An estimate is further from the middle of a grid than its truth on average, the more so the larger
its error is beside the differences between cells. So mu ~ N(M, T^2) over the cells of a grid, with
M and T unknown, and the estimate ~ N(mu, V), where V is uncertain. All is computed on grids of the
parameters. With T much larger than the errors the estimates stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.predictive.spread import NEGLIGIBLE, TINY, Spread

WIDTHS = 2.0 ** np.arange(-4, 4)  # T, in standard deviations of the estimates over cells
PLACES = np.linspace(-1.5, 1.5, 7)  # M, from their mean, in the same unit
FEWEST_CELLS = 3  # for them to inform each other
SMALLEST = 1e-3  # of the typical error: a spread over cells
FLAT = 1e6  # T without other cells, in units of the estimate's error


@dataclass(frozen=True)
class Location:
    """The joint posterior of spread and location of a metric in one cell, as a list of states.

    Attributes:
        weights: probability of each state, (states,).
        shares: r of `Spread`, (states,).
        sds: s of `Spread`, (states,).
        by_runs: the share of the error of the estimate that is due to runs, (states,).
        means: the mean of mu, (states,).
        errors: the standard deviation of mu, (states,).
        outlying: probability that a fresh run is outlying.
    """

    weights: np.ndarray
    shares: np.ndarray
    sds: np.ndarray
    by_runs: np.ndarray
    means: np.ndarray
    errors: np.ndarray
    outlying: float


def locations(spreads: Sequence[Spread], shared_errors: Sequence[float]) -> list[Location]:
    """The posterior in each of the cells of a grid, from all of them.

    Args:
        spreads: of one metric in each cell.
        shared_errors: standard error of the cell's mean by what its values have in common, on the
            scale of the model.
    """
    centres = np.array([one.weights @ one.centres for one in spreads])
    variances = [one.variances + shared**2 for one, shared in zip(spreads, shared_errors)]
    typical = float(np.median([one.weights @ v for one, v in zip(spreads, variances)]))
    if len(spreads) < FEWEST_CELLS:
        widths, places = np.array([FLAT * np.sqrt(typical)]), np.array([centres.mean()])
    else:
        scale = max(centres.std(), SMALLEST * np.sqrt(typical))
        width, place = np.meshgrid(scale * WIDTHS, centres.mean() + scale * PLACES)
        widths, places = width.ravel(), place.ravel()
    evidence = []
    for one, variance in zip(spreads, variances):
        total = variance[:, None] + widths**2
        squares = (one.centres[:, None] - places) ** 2
        evidence.append(one.weights[:, None] * np.exp(-squares / total / 2) / np.sqrt(total))
    of_cells = [np.maximum(one.sum(0), TINY) for one in evidence]
    logs = np.log(of_cells).sum(0)
    common = np.exp(logs - logs.max())
    return [
        _states(one, variance, joint * (common / of_cell), widths, places)
        for one, variance, joint, of_cell in zip(spreads, variances, evidence, of_cells)
    ]


def _states(
    spread: Spread,
    variances: np.ndarray,
    weights: np.ndarray,
    widths: np.ndarray,
    places: np.ndarray,
) -> Location:
    weights = weights / weights.sum()
    state, hyper = np.nonzero(weights > NEGLIGIBLE)
    kept = weights[state, hyper]
    variance = variances[state]
    pull = variance / (variance + widths[hyper] ** 2)
    centre = spread.centres[state]
    return Location(
        weights=kept / kept.sum(),
        shares=spread.shares[state],
        sds=spread.sds[state],
        by_runs=np.minimum(spread.run_variances[state] / variance, 1.0),
        means=centre + pull * (places[hyper] - centre),
        errors=np.sqrt(variance * (1 - pull)),
        outlying=spread.outlying,
    )
