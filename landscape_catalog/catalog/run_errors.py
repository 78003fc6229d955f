"""The standard error of a cell's mean over runs, for values of runs and for values of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from landscape_catalog.metrics.estimate import mean_of, rounded_root, spread_of, sum_of_squares

Members = tuple[str, ...]  # ids of the run, or of the two runs of a pair


def standard_error_over_runs(values: Sequence[float], members: Sequence[Members]) -> float:
    """Standard error of the mean of values, as other runs would give other means.

    For n runs with a value each it is s / sqrt(n). Pairs that share a run are not independent, so
    for values of pairs it is the delete-one-run jackknife, sqrt((n - 1) / n sum_i (m_i - m)^2),
    where m_i is the mean over the pairs without run i and m the mean of the m_i. For runs both are
    the same. With Student's t and n - 1 degrees of freedom the 95% interval covers the truth in 93
    to 99% of cases: the error is right where the runs decide, and too large by 1.5 to 2 where the
    pairs of the same runs vary by themselves (`tests/catalog/test_run_errors.py`).

    Args:
        values: of runs or of pairs.
        members: the runs that each value is of.

    Returns:
        NaN if a value is not finite, or if without one of the runs there would be no value.

    Source: Arvesen 1969 for the jackknife of means over pairs; Efron and Stein 1981 for its bias.
    """
    runs = sorted({run for pair in members for run in pair})
    if len(runs) < 2 or not all(map(math.isfinite, values)):
        return math.nan
    if all(len(one) == 1 for one in members):
        return spread_of(values) / math.sqrt(len(values))
    without = [
        [value for value, pair in zip(values, members) if run not in pair] for run in runs
    ]  # fmt: skip
    if not all(without):
        return math.nan
    means = [mean_of(left) for left in without]
    squares, scale = sum_of_squares(means)
    scale *= len(runs)
    try:
        return math.sqrt((len(runs) - 1) * (squares / scale))
    except OverflowError:  # squares of more than 1e308
        return math.sqrt(len(runs) - 1) * rounded_root(squares, scale)
