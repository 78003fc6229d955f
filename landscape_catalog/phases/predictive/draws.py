"""Draws of a cell's means as fresh runs would give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.predictive.observed import ObservedCell, Values, incidence, members_of
from landscape_catalog.phases.predictive.spread import Spread

LARGEST = 700.0  # of a logarithm


@dataclass(frozen=True)
class Drawn:
    """Draws in which equally many runs converge.

    Attributes:
        n_converged: how many.
        means: the mean of each metric, (draws,).
        values: the values of each metric, (draws, values).
    """

    n_converged: int
    means: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]


def transformed(values: Values) -> np.ndarray:
    """The values on the scale on which they are modelled."""
    found = np.array(values.values, float)
    return np.log(found) if values.logarithmic else found


def run_correlations(
    cells: Sequence[ObservedCell], names: Sequence[str], known: Sequence[bool]
) -> np.ndarray:
    """Correlations between the run effects of the metrics, pooled over cells: (metrics, metrics).

    The effect of a run in a metric of pairs is taken as the mean over its pairs, so that pair
    effects attenuate the correlation.

    Args:
        cells: of the grid.
        names: of the metrics.
        known: which cells to use.
    """
    total = np.zeros((len(names), len(names)))
    for cell, use in zip(cells, known):
        effects = [_effects(cell.metrics[name], cell.n_converged) for name in names] if use else []
        if effects and all(one is not None for one in effects):
            stacked = np.array(effects)
            total += stacked @ stacked.T
    total += np.eye(len(names))
    sizes = np.sqrt(np.diag(total))
    found: np.ndarray = total / sizes[:, None] / sizes
    return found


def _effects(values: Values, n_runs: int) -> np.ndarray | None:
    """Centred run effects with a mean square of 1; None if a run has none or they do not vary."""
    of_runs: list[list[float]] = [[] for _ in range(n_runs)]
    for value, runs in zip(transformed(values), values.members):
        for run in runs:
            of_runs[run].append(value)
    if not all(of_runs):
        return None
    means = np.array([np.mean(one) for one in of_runs])
    spread = means.std()
    return (means - means.mean()) / spread if spread > 0 else None


def draw_cell(
    cell: ObservedCell,
    spreads: Mapping[str, Spread],
    correlations: np.ndarray,
    n_converged: np.ndarray,
    generator: np.random.Generator,
) -> Iterator[Drawn]:
    """The means of a cell for as many fresh runs, grouped by how many of them converge.

    Args:
        cell: as observed.
        spreads: the posterior of the spread of each metric.
        correlations: of the run effects, (metrics, metrics).
        n_converged: how many of the runs converge, (draws,).
        generator: of the random numbers.
    """
    n = len(n_converged)
    root = np.linalg.cholesky(correlations)
    common = generator.standard_normal((n, len(spreads))) @ root.T
    centres, run_sds, pair_sds, shifts = [], [], [], []
    for k, (name, spread) in enumerate(spreads.items()):
        values = cell.metrics[name]
        share, sd = _sampled(spread, n, generator)
        r = spread.shares[share]
        variance = spread.mean_variances[share]
        weights = incidence(tuple(values.members)).mean(0)
        by_runs = np.minimum(1.0, r * (weights**2).sum() / variance)
        own = generator.standard_normal(n)
        error = np.sqrt(by_runs) * common[:, k] + np.sqrt(1 - by_runs) * own
        centres.append(spread.centres[share] + sd * np.sqrt(variance) * error)
        run_sds.append(sd * np.sqrt(r))
        pair_sds.append(sd * np.sqrt(np.maximum(1 - 2 * r, 0)) if values.pairs else np.zeros(n))
        shifts.append(np.sqrt(2) * values.shared_error * generator.standard_normal(n))
    for count in np.unique(n_converged):
        chosen = np.flatnonzero(n_converged == count)
        effects = generator.standard_normal((len(chosen), count, len(spreads))) @ root.T
        drawn = {}
        for k, name in enumerate(spreads):
            values = cell.metrics[name]
            members = members_of(int(count), values.pairs)
            if not members:
                drawn[name] = np.empty((len(chosen), 0))
                continue
            found = centres[k][chosen, None] + run_sds[k][chosen, None] * (
                effects[:, :, k] @ incidence(members).T
            )
            if values.pairs:
                own = generator.standard_normal(found.shape)
                found = found + pair_sds[k][chosen, None] * own
            drawn[name] = _shifted(found, shifts[k][chosen, None], values)
        means = {
            name: one.mean(1) if one.shape[1] else np.full(len(chosen), np.nan)
            for name, one in drawn.items()
        }
        yield Drawn(int(count), means, drawn)


def _shifted(found: np.ndarray, shift: np.ndarray, values: Values) -> np.ndarray:
    """The values in their own unit, with what they have in common."""
    if not values.logarithmic:
        return found + shift
    mean = float(np.mean(values.values))
    return np.exp(np.minimum(found + shift / mean, LARGEST))


def _sampled(
    spread: Spread, n: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of the share's index and of s, evenly spread over the posterior."""
    places = (np.arange(n) + generator.random()) / n
    chosen = np.searchsorted(np.cumsum(spread.weights.ravel()), places)
    chosen = generator.permutation(np.minimum(chosen, spread.weights.size - 1))
    share, variance = np.divmod(chosen, len(spread.log_variances))
    return share, np.exp(spread.log_variances[variance] / 2)
