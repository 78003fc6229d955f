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

from landscape_catalog.phases.predictive.spread import Spread

WIDTHS = 2.0 ** np.arange(-4, 4)  # T, in standard deviations of the estimates over cells
PLACES = np.linspace(-1.5, 1.5, 7)  # M, from their mean, in the same unit
NEGLIGIBLE = 1e-7  # posterior probability
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
    """

    weights: np.ndarray
    shares: np.ndarray
    sds: np.ndarray
    by_runs: np.ndarray
    means: np.ndarray
    errors: np.ndarray


def locations(
    spreads: Sequence[Spread], shared_errors: Sequence[float], run_weights: Sequence[float]
) -> list[Location]:
    """The posterior in each of the cells of a grid, from all of them.

    Args:
        spreads: of one metric in each cell.
        shared_errors: standard error of the cell's mean by what its values have in common, on the
            scale of the model.
        run_weights: sum of the squared weights of the run effects in the cell's mean.
    """
    centres = np.array([(one.weights.sum(1) * one.centres).sum() for one in spreads])
    variances = [one.variances() + shared**2 for one, shared in zip(spreads, shared_errors)]
    typical = np.median(
        [(one.weights * variance).sum() for one, variance in zip(spreads, variances)]
    )
    scale = max(centres.std(), 1e-3 * np.sqrt(typical)) if len(spreads) > 2 else np.nan
    if np.isnan(scale):
        widths, places = np.array([FLAT * np.sqrt(typical)]), np.array([centres.mean()])
    else:
        width, place = np.meshgrid(scale * WIDTHS, centres.mean() + scale * PLACES)
        widths, places = width.ravel(), place.ravel()
    evidence = []
    for one, variance in zip(spreads, variances):
        total = variance[:, :, None] + widths**2
        squares = (one.centres[:, None, None] - places) ** 2
        evidence.append(one.weights[:, :, None] * np.exp(-squares / total / 2) / np.sqrt(total))
    logs = sum(np.log(np.maximum(one.sum((0, 1)), 1e-300)) for one in evidence)
    common = np.exp(logs - np.max(logs))
    return [
        _states(
            one, variance, shared, runs, of_cell * (common / of_cell.sum((0, 1))), widths, places
        )
        for one, variance, shared, runs, of_cell in zip(
            spreads, variances, shared_errors, run_weights, evidence
        )
    ]


def _states(
    spread: Spread,
    variance: np.ndarray,
    shared: float,
    runs: float,
    weights: np.ndarray,
    widths: np.ndarray,
    places: np.ndarray,
) -> Location:
    weights = weights / weights.sum()
    share, level, hyper = np.nonzero(weights > NEGLIGIBLE)
    kept = weights[share, level, hyper]
    error = variance[share, level]
    sd = np.exp(spread.log_variances[level] / 2)
    pull = error / (error + widths[hyper] ** 2)
    centre = spread.centres[share]
    return Location(
        weights=kept / kept.sum(),
        shares=spread.shares[share],
        sds=sd,
        by_runs=np.minimum(spread.shares[share] * runs * sd**2 / error, 1.0),
        means=centre + pull * (places[hyper] - centre),
        errors=np.sqrt(error * (1 - pull)),
    )
