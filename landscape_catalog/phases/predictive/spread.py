"""How the values of a metric vary within a cell: posterior of their variance and its shares.

The value of a run is mu + a_i, that of a pair mu + a_i + a_j + e_ij, with independent normal run
effects a of variance r s^2 and pair effects e of variance (1 - 2r) s^2 (1 and 0 for runs), so that
s^2 is the variance of a value. With correlations R(r) between the values, the residual likelihood
(Patterson and Thompson 1971) is

    log L(s^2, r) = -(m - 1)/2 log s^2 - Q(r)/(2 s^2) - (log |R| + log(1' R^-1 1))/2

where Q is the generalised sum of squares about the generalised mean. Five runs say little about
s^2. So the cells of a grid inform each other: log s^2 ~ N(c, tau^2) over cells (as in Smyth 2004),
with c and tau unknown, and the share r has one distribution over cells. All is computed on grids of
the parameters; nothing but the values enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from landscape_catalog.phases.predictive.observed import Members, incidence

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.48)  # r for pairs; below 1/2, where R may be singular
REACH, STEP = 10.0, 0.25  # grid of log s^2 around the pooled one
TAUS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5)  # of log s^2
ROUNDS = 30  # of expectation and maximisation for the distribution of r
SMALLEST = 1e-6  # of the pooled variance: what counts as none


@dataclass(frozen=True)
class Spread:
    """The posterior of one metric's spread in one cell, on a grid.

    Attributes:
        shares: r, (shares,).
        log_variances: log s^2, (variances,).
        weights: posterior probabilities, (shares, variances).
        centres: the generalised mean given r, (shares,).
        mean_variances: its variance given r, in units of s^2, (shares,).
    """

    shares: np.ndarray
    log_variances: np.ndarray
    weights: np.ndarray
    centres: np.ndarray
    mean_variances: np.ndarray

    def variances(self) -> np.ndarray:
        """The variance of the generalised mean, (shares, variances)."""
        return self.mean_variances[:, None] * np.exp(self.log_variances)


@dataclass(frozen=True)
class _Design:
    """For each share r: R^-1 summed over columns and in all, the residual form, the constant."""

    row_sums: np.ndarray  # (shares, values): R^-1 1
    totals: np.ndarray  # (shares,): 1' R^-1 1
    residual: np.ndarray  # (shares, values, values): Q = y' residual y
    constants: np.ndarray  # (shares,): -(log |R| + log 1' R^-1 1) / 2


@cache
def _design(members: tuple[Members, ...]) -> _Design:
    shared = incidence(members)
    of_pairs = len(members[0]) == 2
    n = len(members)
    shares = np.array(SHARES if of_pairs else (1.0,))
    r = shares[:, None, None]
    own = np.where(r < 0.5, 1 - 2 * r, 0.0)
    correlations = own * np.eye(n) + r * (shared @ shared.T)
    inverse = np.linalg.inv(correlations)
    rows = inverse.sum(2)
    totals = rows.sum(1)
    residual = inverse - rows[:, :, None] * rows[:, None, :] / totals[:, None, None]
    constants = -(np.linalg.slogdet(correlations)[1] + np.log(totals)) / 2
    return _Design(rows, totals, residual, constants)


def spreads(values: Sequence[np.ndarray], members: Sequence[tuple[Members, ...]]) -> list[Spread]:
    """The posterior in each of the cells of a grid, from all of them.

    Args:
        values: of one metric in each cell, at least two, on the scale on which they are normal.
        members: the runs of each value, all of runs or all of pairs.
    """
    designs = [_design(one) for one in members]
    squares = [
        np.einsum("i,sij,j->s", y - y.mean(), design.residual, y - y.mean())
        for y, design in zip(values, designs)
    ]
    degrees = np.array([len(y) - 1 for y in values], float)
    of_cells = np.array([one.mean() for one in squares]) / degrees
    pooled = float(np.average(of_cells, weights=degrees)) or 1.0
    typical = float(np.median(of_cells[of_cells > SMALLEST * pooled])) if pooled else 1.0
    typical = typical if np.isfinite(typical) else pooled
    grid = np.log(typical) + np.arange(-REACH, REACH + STEP / 2, STEP)
    floor = SMALLEST * typical
    logs = np.stack(
        [
            design.constants[:, None] - d / 2 * grid - (q + d * floor)[:, None] / (2 * np.exp(grid))
            for d, q, design in zip(degrees, squares, designs)
        ]
    )
    likelihoods = np.exp(logs - logs.max((1, 2), keepdims=True))  # (cells, shares, variances)
    weights = _posterior(likelihoods, grid)
    shares = np.array(SHARES if len(members[0][0]) == 2 else (1.0,))
    return [
        Spread(
            shares,
            grid,
            one,
            np.array([row @ y / total for row, total in zip(design.row_sums, design.totals)]),
            1 / design.totals,
        )
        for y, design, one in zip(values, designs, weights)
    ]


def _posterior(likelihoods: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Posterior over the grid for each cell, with what the cells have in common."""
    centres = grid[::4]
    priors = np.stack(
        [np.exp(-(((grid - c) / tau) ** 2) / 2) for tau in TAUS for c in centres]
    )  # (hyperparameters, variances)
    priors /= priors.sum(1, keepdims=True)
    n_shares = likelihoods.shape[1]
    distribution = np.full(n_shares, 1 / n_shares)
    mixed = np.empty(likelihoods.shape)
    for _ in range(ROUNDS if n_shares > 1 else 1):
        evidence = np.einsum("csg,s->cg", likelihoods, distribution) @ priors.T
        logs = np.log(np.maximum(evidence, 1e-300))
        total = logs.sum(0)
        common = np.exp(total - total.max())
        common /= common.sum()  # posterior of (c, tau)
        of_cell = (common / np.maximum(evidence, 1e-300)) @ priors  # (cells, variances)
        mixed = likelihoods * distribution[:, None] * of_cell[:, None, :]
        mixed /= mixed.sum((1, 2), keepdims=True)
        found = 1 + mixed.sum((0, 2))
        distribution = found / found.sum()
    return mixed
