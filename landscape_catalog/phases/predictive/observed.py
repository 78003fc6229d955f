"""What was observed of a cell: the values of the rule's metrics, by run and by pair of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from landscape_catalog.schema.pairs import PairChoice, chosen_pairs

Members = tuple[int, ...]  # positions, among the converged runs, of the run or of the pair's two


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one metric for the converged runs of a cell, or for pairs of them.

    Attributes:
        values: the non-missing values.
        members: the run, or the two runs, of each value.
        pairs: which pairs of other runs would be measured; None for a metric of single runs.
        logarithmic: whether the metric varies by factors, so that its logarithm is modelled.
        shared_error: standard error of the cell's mean by what all values have in common, such as
            the samples of CKA. It does not show in how the values vary.
    """

    values: Sequence[float]
    members: Sequence[Members]
    pairs: PairChoice | None = None
    logarithmic: bool = False
    shared_error: float = 0.0


@dataclass(frozen=True, slots=True)
class ObservedCell:
    """A cell as it was observed.

    Attributes:
        cell_id: its id, by which the random numbers are keyed.
        n_runs: number of runs.
        n_converged: number of runs that have converged.
        metrics: the values of each metric.
    """

    cell_id: str
    n_runs: int
    n_converged: int
    metrics: Mapping[str, Values] = field(default_factory=dict)


@cache
def members_of(n_runs: int, pairs: PairChoice | None) -> tuple[Members, ...]:
    """The runs, or the chosen pairs of runs, of which a metric of `n_runs` runs is the mean.

    >>> members_of(4, "ring")
    ((0, 1), (1, 2), (2, 3), (0, 3))
    """
    if pairs is None:
        return tuple((run,) for run in range(n_runs))
    return tuple(chosen_pairs(range(n_runs), pairs))


@cache
def incidence(members: tuple[Members, ...]) -> np.ndarray:
    """Which runs each value is of: (values, runs), 1 or 0."""
    runs = sorted({run for one in members for run in one})
    return np.array([[float(run in one) for run in runs] for one in members])
