"""The tolerance of mode connectivity, from its measured noise among cells without a barrier."""

from __future__ import annotations

import math

import numpy as np

from landscape_catalog.phases.auto.found import (
    N_RESAMPLES,
    SEED,
    FoundThreshold,
    band,
    rounded,
)
from landscape_catalog.phases.diagram import Diagram

NAME, METRIC = "connectivity.tolerance", "mode_connectivity"
STANDARD_ERRORS = 3.0
FEWEST = 4  # cells or pairs of neighbours
FEWEST_PAIRS = 3  # of runs, of a cell whose standard error counts
MOST_ROUNDS = 20
LARGEST = 1e100  # error whose square is a number
FEWEST_SAMPLES = 9  # whose Poisson count is three standard deviations above none


def connectivity_tolerance(diagram: Diagram, flat: np.ndarray, default: float) -> FoundThreshold:
    """Three standard errors of the mode connectivity of flat cells without a barrier.

    See docs/thresholds.md for the rule.

    Args:
        diagram: the cells.
        flat: (cells,), which cells are flat.
        default: the documented one.
    """
    mc, errors = diagram.mean(METRIC), _errors(diagram)
    if (np.isfinite(errors) & flat).sum() >= FEWEST:
        groups, words = np.arange(len(mc)), "standard errors of mc in {} flat, connected cells"
        places = np.arange(len(mc))[:, None]
    else:
        errors, places, groups = _differences(diagram, mc)
        words = "differences of mc between {} pairs of neighbouring flat, connected cells"
    usable = (
        (errors >= 0)
        & (errors < LARGEST)
        & np.isfinite(mc[places]).all(axis=1)
        & flat[places].all(axis=1)
    )
    errors, sizes, groups = errors[usable], np.abs(mc[places[usable]]).max(axis=1), groups[usable]
    if (sizes <= default).sum() < FEWEST:
        reason = "too few flat, connected cells have a known error of mc or neighbours"
        return FoundThreshold.default(NAME, default, reason)
    found, chosen = _grown(errors, sizes, default)
    least = _least(diagram)
    value = rounded(max(found, least))
    if not value:
        return FoundThreshold.default(NAME, default, "mc is the same in all flat, connected cells")
    resampled = _resampled(errors[chosen], groups[chosen], least)
    said = f"three times the noise of {found / STANDARD_ERRORS:.2g} by the "
    said += words.format(int(chosen.sum()))
    if found < least:
        said += f"; at least {FEWEST_SAMPLES} training samples"
    return FoundThreshold(NAME, value, *band(resampled, value), said)


def _errors(diagram: Diagram) -> np.ndarray:
    """The larger of the standard error over runs and that of measurements; NaN if none is known."""
    nothing = np.full(len(diagram), np.nan)
    spread = diagram.standard_errors.get(METRIC, nothing)
    counts = diagram.counts.get(METRIC, np.zeros(len(diagram)))
    spread = np.where(counts >= FEWEST_PAIRS, spread, np.nan)
    return np.fmax(spread, diagram.measurement_errors.get(METRIC, nothing))


def _differences(diagram: Diagram, mc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of neighbours along temperature: errors, (pairs,), the cells, (pairs, 2), and their lines."""
    lines = [line for axis in diagram.temperature_axes for line in diagram.lines(axis.path)]
    pairs = [np.stack([line[:-1], line[1:]], axis=1) for line in lines]
    if not pairs:
        return np.empty(0), np.empty((0, 2), dtype=int), np.empty(0, dtype=int)
    places = np.concatenate(pairs)
    groups = np.repeat(np.arange(len(pairs)), [len(pair) for pair in pairs])
    return np.abs(mc[places[:, 1]] - mc[places[:, 0]]) / math.sqrt(2), places, groups


def _grown(errors: np.ndarray, sizes: np.ndarray, start: float) -> tuple[float, np.ndarray]:
    """Three times the noise of the cells within the tolerance, and which these are."""
    limit = start
    for _ in range(MOST_ROUNDS):
        chosen = sizes <= limit
        found = STANDARD_ERRORS * _root_mean_square(errors[chosen])
        if found <= limit:
            break
        limit = found
    return found, chosen


def _root_mean_square(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _least(diagram: Diagram) -> float:
    """The share of nine training samples in %; 0 if mc has another unit or n is unknown."""
    samples = diagram.parameter("load.samples")
    if diagram.units.get(METRIC) != "%" or samples is None or samples.dtype.kind not in "iuf":
        return 0.0
    return 100.0 * FEWEST_SAMPLES / float(np.min(samples))


def _resampled(errors: np.ndarray, groups: np.ndarray, least: float) -> list[float]:
    """Tolerances by resamples of lines (or of cells)."""
    random = np.random.default_rng(SEED)
    _, members = np.unique(groups, return_inverse=True)
    n = int(members.max()) + 1
    counts = random.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)[:, members]
    total = counts.sum(axis=1)
    means = (counts @ np.square(errors))[total > 0] / total[total > 0]
    return [max(STANDARD_ERRORS * math.sqrt(mean), least) for mean in means]
