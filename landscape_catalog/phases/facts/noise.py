"""The noise of a metric's means: from the spread over runs, or from the roughness of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from scipy.spatial import KDTree

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.scale import positions

RUNS, ROUGHNESS, UNKNOWN = "runs", "second differences", "unknown"
RUNS_WINDOW, ROUGHNESS_WINDOW = 1, 2  # grid steps on either side of a cell
FEWEST = 6  # second differences in a window, and along an axis
NORMAL_MEDIAN = 0.6745  # median of |z| of a standard normal
MEDIAN_FREEDOM = 1 / 3  # of a degree of freedom per difference: their median, and they overlap


def half_width(errors: Sequence[Any], freedom: Sequence[Any], level: float) -> Any:
    """Of the interval of a difference of two means, by Welch's approximation.

    t sqrt(s_1^2 + s_2^2), where the quantile t has (s_1^2 + s_2^2)^2 / (s_1^4 / f_1 + s_2^4 / f_2)
    degrees of freedom.

    Args:
        errors: standard errors s of the two, numbers or arrays.
        freedom: degrees of freedom f of each; infinite: the error is known.
        level: of the interval.
    """
    (one, other), (f_one, f_other) = errors, freedom
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.square(one) + np.square(other)
        welch = variance**2 / (np.power(one, 4) / f_one + np.power(other, 4) / f_other)
        quantile = special.stdtrit(np.maximum(welch, 1.0), (1 + level) / 2)
        return quantile * np.sqrt(variance)


@dataclass(frozen=True)
class Noise:
    """Standard errors of the means of a metric.

    Attributes:
        kind: `runs`: standard errors over runs; `second differences`: roughness along an axis;
            `unknown`.
        errors: standard error of each cell's mean, smoothed over its neighbours, (cells,); NaN
            where unknown.
        freedom: degrees of freedom of each, (cells,); 0 where unknown.
    """

    kind: str
    errors: np.ndarray
    freedom: np.ndarray

    @property
    def words(self) -> str:
        """Where the noise is from."""
        return {
            RUNS: "standard errors over runs",
            ROUGHNESS: "the roughness of neighbouring cells, since no spread over runs is known",
        }.get(self.kind, "unknown noise")


def noise_of(diagram: Diagram, metric: str) -> Noise:
    """The noise of a metric in every cell.

    If at least half of the cells with a mean have a standard error over runs, the variance of a
    cell's mean is the average of the variances within one grid step (same variant), weighted by
    their degrees of freedom: that of five seeds alone is known to a factor of 3 only.

    Otherwise from second differences: along an axis, r = (e_i - w e_{i-1} - (1-w) e_{i+1}) /
    sqrt(1 + w^2 + (1-w)^2), where w interpolates linearly on the natural scale. Their standard
    deviation is that of the noise if the trend is locally straight, and larger if it is not. It is
    estimated by median |r| / 0.6745 within two grid steps, along the axis with the least median
    over the whole grid.

    Args:
        diagram: the cells.
        metric: name of the metric.
    """
    means = diagram.mean(metric)
    known = np.isfinite(means)
    own = np.asarray(diagram.standard_errors.get(metric, np.full(len(diagram), np.nan)))
    has_own = np.isfinite(own) & known
    if known.any() and 2 * has_own.sum() >= known.sum() and (own[has_own] > 0).any():
        return _from_runs(diagram, metric, own, has_own)
    roughness = _smoothest(diagram, means)
    if roughness is None:
        nothing = np.zeros(len(diagram))
        return Noise(UNKNOWN, nothing + np.nan, nothing)
    return _from_roughness(diagram, roughness)


def _from_runs(diagram: Diagram, metric: str, own: np.ndarray, has_own: np.ndarray) -> Noise:
    counts = np.asarray(diagram.counts.get(metric, np.full(len(diagram), 2)))
    freedom = np.where(has_own, np.maximum(counts - 1, 1), 0).astype(float)
    weighted = freedom * np.where(has_own, own, 0.0) ** 2
    errors, total = np.full(len(diagram), np.nan), np.zeros(len(diagram))
    for i, near in enumerate(_windows(diagram, RUNS_WINDOW)):
        total[i] = freedom[near].sum()
        if total[i]:
            errors[i] = np.sqrt(weighted[near].sum() / total[i])
    errors[errors == 0] = np.nan
    return Noise(RUNS, errors, np.where(np.isfinite(errors), total, 0.0))


def _from_roughness(diagram: Diagram, roughness: np.ndarray) -> Noise:
    errors, freedom = np.full(len(diagram), np.nan), np.zeros(len(diagram))
    everywhere = roughness[np.isfinite(roughness)]
    for i, near in enumerate(_windows(diagram, ROUGHNESS_WINDOW)):
        local = roughness[near]
        local = local[np.isfinite(local)]
        if len(local) < FEWEST:
            local = everywhere
        errors[i] = np.median(local) / NORMAL_MEDIAN
        freedom[i] = max(len(local) * MEDIAN_FREEDOM, 1.0)
    errors[errors == 0] = np.nan
    return Noise(ROUGHNESS, errors, np.where(np.isfinite(errors), freedom, 0.0))


def _smoothest(diagram: Diagram, means: np.ndarray) -> np.ndarray | None:
    """|r| of each cell along the axis where it is smallest, (cells,); None if it is unknown."""
    best: np.ndarray | None = None
    for axis in (*diagram.load_axes, *diagram.temperature_axes):
        along, where = diagram.axis(axis.path), positions(axis)
        found = np.full(len(diagram), np.nan)
        for line in diagram.lines(axis.path):
            line = line[np.isfinite(means[line])]
            if len(line) >= 3:
                found[line[1:-1]] = _roughness(means[line], where[diagram.places[line, along]])
        if np.isfinite(found).sum() < FEWEST:
            continue
        if best is None or np.nanmedian(found) < np.nanmedian(best):
            best = found
    return best


def _roughness(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """|r| of the inner values of a line."""
    before = np.abs(where[1:-1] - where[:-2])
    after = np.abs(where[2:] - where[1:-1])
    w = after / (before + after)
    scale = np.sqrt(1 + w**2 + (1 - w) ** 2)
    return np.asarray(np.abs(values[1:-1] - w * values[:-2] - (1 - w) * values[2:]) / scale)


def _windows(diagram: Diagram, steps: int) -> list[list[int]]:
    """For each cell, those within some grid steps on every ordered axis; equal on all others."""
    apart = 2 * steps + 1
    ordered = np.array([axis.is_ordered for axis in diagram.axes], dtype=bool)
    places = diagram.places * np.where(ordered, 1, apart)
    points = np.column_stack([diagram.variant * apart, places]).astype(float)
    if not len(points):
        return []
    return list(KDTree(points).query_ball_point(points, steps + 0.5, p=np.inf))
