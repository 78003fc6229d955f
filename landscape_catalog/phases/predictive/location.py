"""Where the mean of a metric lies in a cell, given its estimate and those of the other cells.

An estimate is further from the middle of the grid than its truth on average, the more so the
larger errors are beside the differences between cells. So mu ~ N(M, k V0^(1-g) V^g) over the cells
of a grid, and the estimate ~ N(mu, V) with the cell's own V; V0 is that of a typical cell, and M, k
and g are unknown and integrated out on a grid. With g = 0 all cells come from one distribution.
With g = 1 cells that vary more are also further apart: barriers of 8 +- 3 points and of 0.1 +- 0.05
occur in one map, and one width for all would be that of the precise ones. If the estimates lie many
errors apart, k is large and they stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.phases.predictive.spread import NEGLIGIBLE, Spread

FACTORS = 2.0 ** np.arange(-3, 13, 3)  # k
EXPONENTS = np.array([0.0, 0.5, 1.0])  # g
PLACES = np.linspace(0.1, 0.9, 5)  # M, as quantiles of the estimates
FEWEST_CELLS = 3  # for them to inform each other
FLAT = 1e12  # k without other cells


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


class Locations(Sequence[Location]):
    """The posterior in each of the cells of a grid, from all of them, computed when asked for.

    Args:
        spreads: of one metric in each cell.
        shared_errors: standard error of the cell's mean by what its values have in common, on the
            scale of the model.
    """

    def __init__(self, spreads: Sequence[Spread], shared_errors: Sequence[float]) -> None:
        self._spreads, self._shared_errors = spreads, shared_errors
        centres, sizes = np.empty(len(spreads)), np.empty(len(spreads))
        for place, (one, shared) in enumerate(zip(spreads, shared_errors)):
            centres[place] = one.weights @ one.centres
            sizes[place] = one.weights @ (one.variances + shared**2)
        if len(spreads) < FEWEST_CELLS:
            grid = [np.array([one]) for one in (FLAT, 1.0, centres.mean())]
        else:
            of_each = np.meshgrid(FACTORS, EXPONENTS, np.quantile(centres, PLACES))
            grid = [one.ravel() for one in of_each]
        self._factors, self._exponents, self._places = grid
        self._typical = float(np.median(sizes))
        logs = self._evidence(0).of_cell
        for place in range(1, len(spreads)):
            logs = logs + self._evidence(place).of_cell
        self._common = logs - _logsumexp(logs)

    def __len__(self) -> int:
        return len(self._spreads)

    def __getitem__(self, place: Any) -> Any:
        """The posterior of one cell."""
        found = self._evidence(place)
        weights = np.exp(found.joint - found.of_cell + self._common)
        return _states(self._spreads[place], found.variance, weights, found.ratio, self._places)

    def _evidence(self, place: int) -> _Evidence:
        """Logarithms, since a cell may lie thousands of errors from every place."""
        one = self._spreads[place]
        variance = one.variances + self._shared_errors[place] ** 2
        ratio = self._factors * (variance[:, None] / self._typical) ** (self._exponents - 1)
        total = variance[:, None] * (1 + ratio)
        squares = (one.centres[:, None] - self._places) ** 2
        with np.errstate(divide="ignore"):
            weights = np.log(one.weights[:, None])
        joint = weights - squares / total / 2 - np.log(total) / 2
        return _Evidence(variance, ratio, joint, _logsumexp(joint))


@dataclass(frozen=True)
class _Evidence:
    """What one cell says.

    Attributes:
        variance: V in each state, (states,).
        ratio: of the variance over cells to V, (states, hyperparameters).
        joint: log likelihood of state and hyperparameters, (states, hyperparameters).
        of_cell: log likelihood of the hyperparameters, (hyperparameters,).
    """

    variance: np.ndarray
    ratio: np.ndarray
    joint: np.ndarray
    of_cell: np.ndarray


def _logsumexp(logs: np.ndarray) -> np.ndarray:
    from scipy.special import logsumexp  # takes longer to import than a plan to make

    found: np.ndarray = logsumexp(logs, axis=0)
    return found


def _states(
    spread: Spread,
    variances: np.ndarray,
    weights: np.ndarray,
    ratios: np.ndarray,
    places: np.ndarray,
) -> Location:
    weights = weights / weights.sum()
    state, hyper = np.nonzero(weights > NEGLIGIBLE)
    kept = weights[state, hyper]
    variance = variances[state]
    pull = 1 / (1 + ratios[state, hyper])
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
