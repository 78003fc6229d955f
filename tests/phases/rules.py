"""A second phase rule, to test that nothing is specific to the paper's rule, and random cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from landscape_catalog.phases import CellNumbers, Phase, Rule, Verdict
from landscape_catalog.phases.decision_table import DecisionTable


class ByLoss(Rule):
    """Cold or hot phase, by the training loss."""

    own_phases: ClassVar[tuple[Phase, ...]] = (
        Phase("cold", "low training loss", "#123456", dark=True, flat=True),
        Phase("hot", "high training loss", "#fedcba"),
    )
    rule: Literal["by_loss"] = "by_loss"
    train_loss: Annotated[float, Field(gt=0)] = 0.1

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("train_loss",)

    def decide(self, cell: CellNumbers) -> Verdict:
        cold = cell.mean("train_loss") <= self.train_loss
        return Verdict("cold" if cold else "hot", "by the training loss")

    def thresholds(self, units: Mapping[str, str]) -> list[tuple[str, str]]:
        return [("hot", f"training loss > {self.train_loss:g} {units['train_loss']}")]


def random_means(table: DecisionTable, n: int) -> dict[str, np.ndarray]:
    """Means around the thresholds: on either side, at them up to rounding, missing, infinite."""
    generator = np.random.Generator(np.random.Philox(key=7))
    found = {}
    for metric in dict.fromkeys(one.metric for one in table.criteria):
        thresholds = [one.threshold for one in table.criteria if one.metric == metric]
        near = generator.choice(thresholds, n)
        away = np.where(near == 0, generator.normal(size=n), near * generator.lognormal(0, 1, n))
        beside = near * (1 + generator.choice([-1e-8, -1e-10, -4e-16, 0.0, 4e-16, 1e-10, 1e-8], n))
        special = generator.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1.0], n)
        kinds = generator.choice(3, n, p=[0.75, 0.15, 0.1])
        found[metric] = np.choose(kinds, [away, beside, special])
    return found
