"""The single step that describes a line of cells on two sides best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.90  # of the likelihood that the band holds
SUREST = 0.995  # no label is surer than this: a line that comes back must not be impossible


@dataclass(frozen=True)
class Step:
    """A step along a line.

    Attributes:
        after: number of cells before it.
        n_misplaced: cells on the other side than the step would have them.
        is_reversed: whether the second side comes first.
    """

    after: int
    n_misplaced: int
    is_reversed: bool


def best_split(sides: np.ndarray) -> Step:
    """The step that misplaces the fewest cells; of equally good ones, the middle one.

    Args:
        sides: (cells,), 0 or 1 in the order of the axis, and both occur. The step goes from 0 to 1
            unless the other direction misplaces fewer.

    >>> best_split(np.array([0, 0, 1, 1, 1]))
    Step(after=2, n_misplaced=0, is_reversed=False)
    >>> best_split(np.array([0, 1, 0, 0, 1, 1])).after
    4
    """
    steps = []
    for is_reversed in (False, True):
        own = 1 - sides if is_reversed else sides
        misplaced = np.cumsum(own)[:-1] + (1 - own).sum() - np.cumsum(1 - own)[:-1]
        least = int(misplaced.min())
        equal = np.flatnonzero(misplaced == least)
        steps.append(Step(int(equal[(len(equal) - 1) // 2]) + 1, least, is_reversed))
    return min(steps, key=lambda step: step.n_misplaced)


def band_of_split(sides: np.ndarray, chances: np.ndarray, step: Step) -> tuple[int, int]:
    """The first and last step that is within the band.

    The band holds the best step and every change of the line. In addition, a step after j cells has
    the likelihood prod_{i<j} (1 - p_i) prod_{i>=j} p_i, where p_i is the probability that cell i is
    on the second side; j runs from 0 to the number of cells, which are no step on this line at all.
    The band holds the central 90% of the likelihood's sum.

    Args:
        sides: (cells,), 0 or 1.
        chances: p_i, (cells,); 0 or 1 where no probability is known.
        step: the best one.

    Returns:
        The number of cells before the first and before the last step.

    >>> sides = np.array([0, 0, 0, 1, 1, 1])
    >>> band_of_split(sides, sides.astype(float), best_split(sides))
    (3, 3)
    >>> band_of_split(sides, np.array([0, 0.1, 0.4, 0.6, 0.9, 1]), best_split(sides))
    (2, 4)
    """
    changes = np.flatnonzero(np.diff(sides)) + 1
    first, last = min(int(changes[0]), step.after), max(int(changes[-1]), step.after)
    if np.all((chances == 0) | (chances == 1)):
        return first, last
    p = np.clip(chances, 1 - SUREST, SUREST)
    if step.is_reversed:
        p = 1 - p
    before = np.concatenate([[0.0], np.cumsum(np.log(1 - p))])
    after = np.concatenate([np.cumsum(np.log(p)[::-1])[::-1], [0.0]])
    likelihood = np.exp(before + after - (before + after).max())
    cumulative = np.cumsum(likelihood) / likelihood.sum()
    tail = (1 - LEVEL) / 2
    low, high = np.searchsorted(cumulative, [tail, 1 - tail - 1e-12])
    return min(first, int(low)), max(last, int(high))
