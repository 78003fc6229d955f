"""Whether peaks lie where another quantity of the line changes the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

N_DRAWS = 4_000
SEED = 20_210_702


@dataclass(frozen=True)
class Coincidence:
    """How near the peaks of test error are to a mark, such as the steepest step of ln Hessian.

    Attributes:
        mark: what the peaks are compared with: `top_eigenvalue`, `trace` or `train_loss` (the
            steepest step of its logarithm), or `sharpness` (the flat/sharp boundary).
        n_lines: number of lines with a significant peak and this mark.
        distance: mean distance between peak and mark, in grid steps; the mark is between two
            points, so that half a step is the least.
        by_chance: mean distance if peaks were placed at random.
        p_value: probability of a mean distance that is as small by chance.
    """

    mark: str
    n_lines: int
    distance: float
    by_chance: float
    p_value: float


@dataclass(frozen=True)
class MarkedLine:
    """A line with a peak and a mark.

    Attributes:
        n_points: number of points of the line.
        peak: index of the peak among them, from 1 to `n_points` - 2.
        mark: position of the mark on the same scale.
        ridge: number of the ridge that the peak belongs to.
    """

    n_points: int
    peak: int
    mark: float
    ridge: int


def ridges(places: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """The ridge that each peak belongs to, (lines,), numbered from 0.

    Peaks on neighbouring lines (one step apart on one other axis) that are at most one step apart
    along the line are one ridge.

    Args:
        places: (lines, other axes), where each line lies on the other axes.
        peaks: (lines,), where its peak lies.
    """
    apart = np.abs(places[:, None, :] - places[None, :, :]).sum(axis=2)
    near = (apart <= 1) & (np.abs(peaks[:, None] - peaks[None, :]) <= 1)
    _, found = connected_components(coo_array(near), directed=False)
    return np.asarray(found)


def steepest_step(values: np.ndarray) -> float | None:
    """Where the logarithm changes the most between neighbours; None without two positive values.

    >>> steepest_step(np.array([1.0, 1.1, 20.0, 21.0]))
    1.5
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.abs(np.diff(np.log(values)))
    steps[~np.isfinite(steps)] = -1.0
    if not len(steps) or steps.max() <= 0:
        return None
    return float(np.argmax(steps)) + 0.5


def coincidence(mark: str, lines: Sequence[MarkedLine]) -> Coincidence | None:
    """Compare the mean distance with that of peaks placed at random.

    A random placement moves all peaks of a ridge along their lines by the same number of steps
    (round and round over the inner points), since neighbouring lines have their peaks in common:
    with one ridge no p-value can be small.

    Args:
        mark: name of the mark.
        lines: those with a significant peak and this mark.
    """
    if not lines:
        return None
    peaks = np.array([line.peak for line in lines])
    marks = np.array([line.mark for line in lines])
    inner = np.array([line.n_points - 2 for line in lines])
    _, ridge = np.unique([line.ridge for line in lines], return_inverse=True)
    observed = float(np.abs(peaks - marks).mean())
    generator = np.random.Generator(np.random.Philox(SEED))
    moves = generator.random((N_DRAWS, int(ridge.max()) + 1))[:, ridge]
    steps = np.floor(moves * inner).astype(int)
    moved = 1 + (peaks - 1 + steps) % inner
    drawn = np.abs(moved - marks).mean(axis=1)
    p_value = (1 + int((drawn <= observed + 1e-12).sum())) / (1 + N_DRAWS)
    return Coincidence(mark, len(lines), observed, float(drawn.mean()), p_value)
