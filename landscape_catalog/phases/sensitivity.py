"""What decides the phases: how many labels hang on each criterion of a rule and its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from landscape_catalog.phases.criterion import Criterion
from landscape_catalog.phases.rule import CellNumbers, Rule

# Factors on a threshold: 25% and 10% less, 10% and 25% more.
FACTORS = (0.75, 0.9, 1.1, 1.25)


@dataclass(frozen=True)
class Sensitivity:
    """How many labels of a grid would be others if one criterion were another.

    Attributes:
        criterion: of the rule.
        without: labels that change if the criterion is never met.
        moved: labels that change if its threshold is multiplied by each of `FACTORS`.
    """

    criterion: Criterion
    without: int
    moved: tuple[int, ...]


def sensitivities(rule: Rule, cells: Sequence[CellNumbers]) -> list[Sensitivity]:
    """What each criterion of a rule decides on these cells, in the order of the criteria.

    One threshold is changed at a time. A cell whose label hangs on either of two criteria, for
    example one that is sharp by its Hessian and by its training loss, counts for neither.
    """
    labels = [rule.classify(cell).phase for cell in cells]
    is_table = rule.table is not None  # then a label hangs on nothing but which criteria are met

    def changed(criterion: Criterion, threshold: float) -> int:
        thresholds, moved = {criterion.name: threshold}, replace(criterion, threshold=threshold)
        count = 0
        for cell, label in zip(cells, labels):
            value = cell.mean(criterion.metric)
            if not is_table or moved.met(value) != criterion.met(value):
                count += rule.classify(cell, thresholds).phase != label
        return count

    return [
        Sensitivity(
            criterion,
            changed(criterion, criterion.never),
            tuple(changed(criterion, factor * criterion.threshold) for factor in FACTORS),
        )
        for criterion in rule.criteria
    ]
