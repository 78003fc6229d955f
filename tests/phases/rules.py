"""A second phase rule, to test that nothing is specific to the paper's rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from landscape_catalog.phases import CellNumbers, Phase, Rule, Verdict


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
