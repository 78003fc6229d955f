"""How far a threshold may move before each label changes, by the table of the phase rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.phases import NC, Rule
from landscape_catalog.reports.data.numbers import rounded
from landscape_catalog.schema.tables import Row

LEAST = 0.1  # percent; what is less has the colour of this


def compared_means(
    cells: Sequence[Row], rule: Rule, numbers: Mapping[tuple[str, str, str], Row]
) -> dict[str, np.ndarray]:
    """Mean of each metric of the rule's table in each cell, as it was compared.

    Args:
        cells: the cells.
        rule: by which they were classified.
        numbers: mean and more by cell, metric and probe.

    Returns:
        Unrounded means, NaN where missing, (cells,); nothing for a rule that is no table.
    """
    if rule.table is None:
        return {}
    found = {}
    for metric in dict.fromkeys(one.metric for one in rule.table.criteria):
        rows = [numbers.get((cell["cell_id"], metric, PRIMARY)) for cell in cells]
        means = [None if row is None else row["mean"] for row in rows]
        found[metric] = np.array([math.nan if mean is None else mean for mean in means], float)
    return found


def _written(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 100 else f"{percent:.3g}"


def room_rows(cells: Sequence[Row], rule: Rule, means: Mapping[str, np.ndarray]) -> dict[int, Row]:
    """By how many percent a threshold may move before each label changes, and which one.

    Args:
        cells: the cells.
        rule: by which they were classified.
        means: of `compared_means`.

    Returns:
        The columns `room`, `ln room` and `room text` by the index of the cell; nothing for a rule
        that is no table.
    """
    if rule.table is None:
        return {}
    factors, which = rule.table.room(means)
    found = {}
    for i, cell in enumerate(cells):
        is_known = cell["phase"] != NC.name and math.isfinite(factors[i])
        percent = rounded(100 * (factors[i] - 1), 3) if is_known else None
        setting = rule.table.settings[which[i]].words if is_known else ""
        words = f"{_written(percent)}%: {setting}" if percent is not None else "no single threshold"
        log = math.log(max(percent, LEAST)) if percent is not None else None
        found[i] = {"room": percent, "ln room": rounded(log), "room text": words}
    return found
