"""How many of a cell's fresh runs converge: a beta-binomial model with what cells have in common.

Of n runs of a cell, k have not converged, each with the cell's probability p ~ Beta(q c, (1 - q) c)
over the grid. Mean q and concentration c are unknown and integrated out on a grid; a small c means
that most cells either always or never converge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MEANS = 1 / (1 + np.exp(-np.linspace(-7, 3, 41)))  # even in the logit
CONCENTRATIONS = np.array([0.1, 0.3, 1.0, 3.0, 10.0, 30.0])


_log_gamma = np.vectorize(math.lgamma, otypes=[float])


def _log_beta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)
    return found


class Survival:
    """The posterior of the probability that a run does not converge, in each cell of a grid."""

    def __init__(self, n_runs: Sequence[int], n_converged: Sequence[int]) -> None:
        q, c = (one.ravel() for one in np.meshgrid(MEANS, CONCENTRATIONS))
        self._alphas, self._betas = q * c, (1 - q) * c
        self._failed = np.array(n_runs) - np.array(n_converged)
        self._kept = np.array(n_converged)
        cases, counts = np.unique(np.stack([self._failed, self._kept]), axis=1, return_counts=True)
        failed, kept = cases[:, :, None]
        logs = _log_beta(self._alphas + failed, self._betas + kept)
        total = counts @ (logs - _log_beta(self._alphas, self._betas))
        weights = np.exp(total - total.max())
        self._weights = weights / weights.sum()

    def draw(self, cell: int, n_runs: int, n: int, generator: np.random.Generator) -> np.ndarray:
        """How many of `n_runs` fresh runs of a cell converge, n times."""
        chosen = generator.choice(len(self._weights), n, p=self._weights)
        failed = generator.beta(
            self._alphas[chosen] + self._failed[cell], self._betas[chosen] + self._kept[cell]
        )
        return n_runs - generator.binomial(n_runs, failed)
