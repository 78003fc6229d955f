"""How the values of a metric vary within a cell: posterior of their variance and its shares.

The value of a run is mu + a_i, that of a pair mu + a_i + a_j + e_ij, with independent normal run
effects a of variance r s^2 and pair effects e of variance (1 - 2r) s^2 (for runs r = 1 and there
are no e), so that s^2 is the variance of a value. At most one run is outlying: its effect is
`FACTOR` times as large, as in Box and Tiao 1968. With correlations R between the values, the
residual likelihood (Patterson and Thompson 1971) is

    log L = -(m - 1)/2 log s^2 - Q/(2 s^2) - (log |R| + log(1' R^-1 1))/2

where Q is the generalised sum of squares about the generalised mean. Five runs say little about
s^2, so the cells of a grid inform each other: log s^2 ~ N(c, tau^2) over cells (as in Smyth 2004)
with unknown c and tau, which are integrated out; r has one distribution over cells, and the share
of outlying runs is one, both estimated by expectation and maximisation with a weak prior. All is
computed on grids of the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from landscape_catalog.phases.predictive.observed import Members, incidence

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.48)  # r for pairs; below 1/2, where R may be singular
FACTOR = 5.0  # deviation of an outlying run, in usual ones
OUTLYING = 0.05  # prior mean of the share of outlying runs
PRIOR_RUNS = 50.0  # its weight: few runs hardly tell outlying ones from a large variance
REACH, STEP = 10.0, 0.25  # grid of log s^2 around that of a typical cell
TAUS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5)  # of log s^2
ROUNDS = 10  # of expectation and maximisation
SMALLEST = 1e-6  # of the typical variance: what counts as none
NEGLIGIBLE = 1e-5  # posterior probability of a state
TINY = 1e-300
CHUNK = 1024  # cells whose posteriors are in memory at the same time
KEPT_BYTES = 2**29  # of likelihoods that are kept while a model is fitted, instead of made again


@dataclass(frozen=True)
class Spread:
    """The posterior of one metric's spread in one cell, as a list of states.

    A state is a share r, an outlying run or none, and a variance s^2.

    Attributes:
        weights: posterior probability of each state, (states,).
        shares: r, (states,).
        sds: s, (states,).
        centres: the generalised mean, (states,).
        variances: its variance, (states,).
        run_variances: the part of it that is due to run effects, (states,).
        outlying: probability that a fresh run is outlying.
    """

    weights: np.ndarray
    shares: np.ndarray
    sds: np.ndarray
    centres: np.ndarray
    variances: np.ndarray
    run_variances: np.ndarray
    outlying: float


@dataclass(frozen=True)
class _Design:
    """What depends only on which runs the values are of, for each structure."""

    share: np.ndarray  # position of r in its grid
    has_outlier: np.ndarray
    n_runs: int
    weights: np.ndarray  # (structures, values): of the generalised mean
    mean_variances: np.ndarray
    run_variances: np.ndarray
    residual: np.ndarray  # (structures, values, values): Q = y' residual y
    constants: np.ndarray  # -(log |R| + log 1' R^-1 1) / 2


@cache
def _design(members: tuple[Members, ...]) -> _Design:
    runs = incidence(members)
    n_values, n_runs = runs.shape
    shares = _shares(members)
    share, outlier = (one.ravel() for one in np.mgrid[: len(shares), -1:n_runs])
    r = shares[share][:, None, None]
    sizes = np.where(np.arange(n_runs) == outlier[:, None], FACTOR**2, 1.0)
    by_runs = r * np.einsum("pi,ki,qi->kpq", runs, sizes, runs)
    own = np.where(len(members[0]) == 2, 1 - 2 * r, 0.0)
    correlations = by_runs + own * np.eye(n_values)
    inverse = np.linalg.inv(correlations)
    rows = inverse.sum(2)
    totals = rows.sum(1)
    weights = rows / totals[:, None]
    return _Design(
        share,
        outlier >= 0,
        n_runs,
        weights,
        1 / totals,
        np.einsum("kp,kpq,kq->k", weights, by_runs, weights),
        inverse - rows[:, :, None] * rows[:, None, :] / totals[:, None, None],
        -(np.linalg.slogdet(correlations)[1] + np.log(totals)) / 2,
    )


def _shares(members: Sequence[Members]) -> np.ndarray:
    return np.array(SHARES if len(members[0]) == 2 else (1.0,))


class Spreads(Sequence[Spread]):
    """The posterior in each of the cells of a grid, from all of them.

    What the cells have in common is fitted at once. The posteriors take a hundred times as much
    memory as the values, so they are computed for `CHUNK` cells at a time, when they are asked for.

    Args:
        values: of one metric in each cell, at least two, on the scale on which they are normal.
        members: the runs of each value, all of runs or all of pairs.
    """

    def __init__(
        self, values: Sequence[np.ndarray], members: Sequence[tuple[Members, ...]]
    ) -> None:
        self._values, self._designs = values, [_design(one) for one in members]
        self._shares = _shares(members[0])
        centred = [y - y.mean() for y in values]
        # Without structure first: the typical variance, around which the grid is laid.
        plain = np.array([(y @ y) / (len(y) - 1) for y in centred])
        pooled = plain.mean()
        positive = plain[plain > SMALLEST * pooled]
        self._typical = float(np.median(positive)) if len(positive) else 1.0
        self._grid = np.log(self._typical) + np.arange(-REACH, REACH + STEP / 2, STEP)
        priors = np.stack(
            [np.exp(-(((self._grid - c) / tau) ** 2) / 2) for tau in TAUS for c in self._grid[::4]]
        )  # (hyperparameters, variances)
        self._priors = priors / priors.sum(1, keepdims=True)
        self._fit()

    def _fit(self) -> None:
        """Expectation and maximisation; the posteriors are those of the last round."""
        n_shares = max(int(design.share.max()) for design in self._designs) + 1
        n_runs = sum(design.n_runs for design in self._designs)
        distribution, outlying = np.full(n_shares, 1 / n_shares), OUTLYING
        starts = range(0, len(self), CHUNK)
        kept: dict[int, list[np.ndarray]] = {}
        for start in starts[: 1 + KEPT_BYTES // self._bytes_of_likelihoods]:
            kept[start] = self._likelihoods(start)
        for _ in range(ROUNDS):
            self._distribution, self._prior_outlying = distribution, outlying
            total = np.zeros(len(self._priors))
            for start in starts:
                evidence = self._evidence(start, kept.get(start) or self._likelihoods(start))
                total = np.concatenate([total[None], np.log(evidence)]).sum(0)
            self._common = np.exp(total - total.max())
            found, n_outlying = np.ones(n_shares), OUTLYING * PRIOR_RUNS
            for start in starts:
                posteriors = self._posteriors(start, kept.get(start) or self._likelihoods(start))
                for one, design in zip(posteriors, self._designs[start : start + CHUNK]):
                    of_structures = one.sum(1)
                    found += np.bincount(design.share, of_structures, minlength=n_shares)
                    n_outlying += float(of_structures @ design.has_outlier)
            distribution = found / found.sum()
            outlying = n_outlying / (n_runs + PRIOR_RUNS)
        self._outlying = outlying
        self._start, self._found = 0, list[Spread]()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:
        """The posterior of one cell; those of its neighbours are kept until others are needed."""
        start = place - place % CHUNK
        if not self._found or start != self._start:
            weights = self._posteriors(start, self._likelihoods(start))
            cells = zip(weights, self._values[start:], self._designs[start:])
            self._start, self._found = start, [self._states(*cell) for cell in cells]
        return self._found[place - start]

    def _likelihoods(self, start: int) -> list[np.ndarray]:
        """The residual likelihoods of a chunk of cells, each (structures, variances)."""
        cells = zip(self._values[start : start + CHUNK], self._designs[start : start + CHUNK])
        floor = SMALLEST * self._typical
        return [_likelihood(y - y.mean(), design, self._grid, floor) for y, design in cells]

    @property
    def _bytes_of_likelihoods(self) -> int:
        """Of a chunk of cells."""
        structures = max(len(design.share) for design in self._designs)
        return CHUNK * structures * len(self._grid) * self._grid.itemsize

    def _prior(self, start: int) -> list[np.ndarray]:
        """The prior probabilities of the structures, for a chunk of cells."""
        designs = self._designs[start : start + CHUNK]
        found = {
            id(one): _structures(one, self._distribution, self._prior_outlying)
            for one in {id(one): one for one in designs}.values()
        }
        return [found[id(one)] for one in designs]

    def _evidence(self, start: int, likelihoods: Sequence[np.ndarray]) -> np.ndarray:
        """The likelihood of the hyperparameters by each cell of a chunk."""
        mixed = np.stack([prior @ one for prior, one in zip(self._prior(start), likelihoods)])
        return np.maximum(mixed @ self._priors.T, TINY)

    def _posteriors(self, start: int, likelihoods: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The posterior over structures and variances in each cell of a chunk."""
        of_cells = (self._common / self._evidence(start, likelihoods)) @ self._priors
        posteriors = [
            one * prior[:, None] * of_cell
            for one, prior, of_cell in zip(likelihoods, self._prior(start), of_cells)
        ]
        return [one / one.sum() for one in posteriors]

    def _states(self, weights: np.ndarray, y: np.ndarray, design: _Design) -> Spread:
        """The states that are not negligible."""
        structure, level = np.nonzero(weights > NEGLIGIBLE)
        kept = weights[structure, level]
        variance = np.exp(self._grid[level])
        return Spread(
            kept / kept.sum(),
            self._shares[design.share[structure]],
            np.sqrt(variance),
            (design.weights @ y)[structure],
            design.mean_variances[structure] * variance,
            design.run_variances[structure] * variance,
            self._outlying,
        )


def _likelihood(y: np.ndarray, design: _Design, grid: np.ndarray, floor: float) -> np.ndarray:
    """The residual likelihood up to a factor, (structures, variances)."""
    degrees = len(y) - 1
    squares = np.einsum("i,kij,j->k", y, design.residual, y) + degrees * floor
    logs = design.constants[:, None] - degrees / 2 * grid - squares[:, None] / (2 * np.exp(grid))
    found: np.ndarray = np.exp(logs - logs.max())
    return found


def _structures(design: _Design, shares: np.ndarray, outlying: float) -> np.ndarray:
    """Prior probability of each structure, with at most one outlying run."""
    odds = outlying / (1 - outlying)
    weights = shares[design.share] * np.where(design.has_outlier, odds, 1.0)
    return weights / weights.sum()
