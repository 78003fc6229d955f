"""Draws of a cell's means as fresh runs would give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.predictive.location import Location
from landscape_catalog.phases.predictive.observed import ObservedCell, Values, incidence, members_of
from landscape_catalog.phases.predictive.spread import FACTOR

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


def shared_error(values: Values) -> float:
    """The shared error on that scale."""
    if not values.logarithmic:
        return values.shared_error
    return values.shared_error / float(np.mean(values.values))


def run_correlations(cells: Sequence[ObservedCell], names: Sequence[str]) -> np.ndarray:
    """Correlations between the run effects of the metrics, pooled over cells: (metrics, metrics).

    The effect of a run in a metric of pairs is taken as the mean over its pairs, so that pair
    effects attenuate the correlation.

    Args:
        cells: of the grid, with values of each metric.
        names: of the metrics.
    """
    total = np.eye(len(names))
    for cell in cells:
        effects = [_effects(cell.metrics[name], cell.n_converged) for name in names]
        if all(one is not None for one in effects):
            stacked = np.array(effects)
            total += stacked @ stacked.T
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
    locations: Mapping[str, Location],
    correlations: np.ndarray,
    n_converged: np.ndarray,
    generator: np.random.Generator,
) -> Iterator[Drawn]:
    """The means of a cell for as many fresh runs, grouped by how many of them converge.

    Args:
        cell: as observed.
        locations: the posterior of the mean and spread of each metric.
        correlations: of the run effects, (metrics, metrics).
        n_converged: how many of the runs converge, (draws,).
        generator: of the random numbers.
    """
    n = len(n_converged)
    root = np.linalg.cholesky(correlations)
    common = generator.standard_normal((n, len(locations))) @ root.T
    centres, run_sds, pair_sds, shifts = [], [], [], []
    for k, (name, location) in enumerate(locations.items()):
        values = cell.metrics[name]
        state = _sampled(location.weights, n, generator)
        by_runs, r, sd = location.by_runs[state], location.shares[state], location.sds[state]
        own = generator.standard_normal(n)
        error = np.sqrt(by_runs) * common[:, k] + np.sqrt(np.maximum(1 - by_runs, 0)) * own
        centres.append(location.means[state] + location.errors[state] * error)
        run_sds.append(sd * np.sqrt(r))
        pair_sds.append(sd * np.sqrt(np.maximum(1 - 2 * r, 0)))
        shifts.append(shared_error(values) * generator.standard_normal(n))
    for count in np.unique(n_converged):
        chosen = np.flatnonzero(n_converged == count)
        effects = generator.standard_normal((len(chosen), count, len(locations))) @ root.T
        drawn = {}
        for k, (name, location) in enumerate(locations.items()):
            values = cell.metrics[name]
            members = members_of(int(count), values.pairs)
            if not members:
                drawn[name] = np.empty((len(chosen), 0))
                continue
            far = np.where(generator.random(effects.shape[:2]) < location.outlying, FACTOR, 1.0)
            of_runs = (far * effects[:, :, k]) @ incidence(members).T
            found = centres[k][chosen, None] + run_sds[k][chosen, None] * of_runs
            if values.pairs:
                own = generator.standard_normal(found.shape)
                found = found + pair_sds[k][chosen, None] * own
            found = found + shifts[k][chosen, None]
            drawn[name] = np.exp(np.minimum(found, LARGEST)) if values.logarithmic else found
        means = {
            name: one.mean(1) if one.shape[1] else np.full(len(chosen), np.nan)
            for name, one in drawn.items()
        }
        yield Drawn(int(count), means, drawn)


def _sampled(weights: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    """States in random order, each as often as its probability says, up to rounding."""
    places = (np.arange(n) + generator.random()) / n
    chosen = np.searchsorted(np.cumsum(weights), places)
    return generator.permutation(np.minimum(chosen, len(weights) - 1))
