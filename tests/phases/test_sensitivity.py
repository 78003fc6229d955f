"""How many labels hang on each criterion of a rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.phases import FACTORS, CellNumbers, Yang2021, sensitivities
from landscape_catalog.phases.criterion import Criterion
from landscape_catalog.phases.rule import Verdict
from tests.phases.rules import ByLoss

RULE = Yang2021()  # tolerance 1, top eigenvalue 76, training loss 0.05, CKA 0.5


def cell(
    mc: float = 0.0, top: float = 10.0, loss: float = 0.01, cka: float = 0.9, converged: int = 2
) -> CellNumbers:
    means = {"mode_connectivity": mc, "top_eigenvalue": top, "train_loss": loss, "cka": cka}
    return CellNumbers(2, converged, means)


NUMBERS = st.one_of(st.just(math.nan), st.floats(-3, 3), st.floats(0, 200))
CELLS = st.builds(cell, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.integers(0, 2))
LIMITS = st.floats(0.01, 150)


@settings(deadline=None)
@given(CELLS, LIMITS)
def test_a_moved_threshold_is_another_setting(numbers: CellNumbers, limit: float) -> None:
    moved: list[tuple[dict[str, float], dict[str, Any]]] = [
        ({"poorly connected": -limit, "not at a minimum": limit},
         {"connectivity": {"tolerance": limit}}),
        ({"top eigenvalue": limit}, {"hessian": {"threshold": limit}}),
        ({"training loss": limit}, {"train_loss": limit}),
        ({"alike": min(limit, 1.0)}, {"cka": {"threshold": min(limit, 1.0)}}),
    ]  # fmt: skip
    for thresholds, changes in moved:
        other = Yang2021.model_validate(RULE.model_dump() | changes)
        assert RULE.classify(numbers, thresholds) == other.classify(numbers) or (
            "connectivity" in changes  # ambiguity goes by the rule's own tolerance
            and RULE.classify(numbers, thresholds).phase == other.classify(numbers).phase
        )


@settings(deadline=None)
@given(CELLS)
def test_the_training_loss_left_out_is_not_used(numbers: CellNumbers) -> None:
    without = RULE.classify(numbers, {"training loss": math.inf}).phase
    if not math.isnan(numbers.mean("train_loss")):
        assert without == Yang2021(train_loss=None).classify(numbers).phase


# Cells, and for each criterion that decides any label: labels without it, and at 75, 90, 110, 125%.
GRIDS: list[tuple[list[CellNumbers], dict[str, tuple[int, ...]]]] = [
    ([], {}),
    ([cell()], {"alike": (1, 0, 0, 0, 0)}),
    ([cell(cka=0.52), cell(cka=0.3), cell(cka=0.4)], {"alike": (1, 1, 0, 1, 1)}),
    ([cell(mc=-0.8), cell(mc=-1.2), cell(mc=-9)], {
        "poorly connected": (2, 1, 0, 0, 1), "alike": (1, 0, 0, 0, 0),
    }),
    ([cell(mc=2), cell(mc=1.05)], {"not at a minimum": (2, 0, 0, 1, 1)}),
    ([cell(mc=2, loss=1)], {}),  # either of the two is enough
    ([cell(top=80, cka=0.1), cell(top=70, cka=0.1)], {"top eigenvalue": (1, 1, 1, 1, 1)}),
    ([cell(loss=0.06, cka=0.1)], {"training loss": (1, 0, 0, 0, 1)}),
    ([cell(loss=0.06, converged=0)], {}),
    ([cell(mc=math.nan)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), GRIDS)
def test_counts(cells: list[CellNumbers], expected: dict[str, tuple[int, ...]]) -> None:
    found = sensitivities(RULE, cells)
    assert [one.criterion.name for one in found] == [
        "poorly connected", "top eigenvalue", "not at a minimum", "training loss", "alike",
    ]  # fmt: skip
    for one in found:
        counts = (one.without, *one.moved)
        assert len(one.moved) == len(FACTORS)
        assert counts == expected.get(one.criterion.name, (0,) * 5), one.criterion.name


class ByTwiceTheLoss(ByLoss):
    """A rule that is no table: more than which criterion is met follows from the threshold."""

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return (Criterion("hot", "train_loss", self.train_loss),)

    def decide_with(self, cell: CellNumbers, thresholds: Mapping[str, float]) -> Verdict:
        cold = cell.mean("train_loss") <= 2 * thresholds["hot"]
        return Verdict("cold" if cold else "hot", "by the training loss")

    def decide(self, cell: CellNumbers) -> Verdict:
        return self.decide_with(cell, {"hot": self.train_loss})


def test_a_rule_that_is_no_table_is_asked_for_every_cell() -> None:
    """Losses of 0.16 and 0.21 are above the threshold 0.1 wherever it moves to."""
    (found,) = sensitivities(ByTwiceTheLoss(), [cell(loss=0.16), cell(loss=0.21)])
    assert (found.without, *found.moved) == (1, 1, 0, 1, 1)


def test_criteria_follow_the_settings() -> None:
    rule = Yang2021.model_validate(
        {"train_loss": None, "hessian": {"metric": "trace", "threshold": 9.0}}
    )
    assert [one.criterion.name for one in sensitivities(rule, [])] == [
        "poorly connected", "Hessian trace", "not at a minimum", "alike",
    ]  # fmt: skip
    assert rule.criteria[1].threshold == 9.0
    assert sensitivities(ByLoss(), [cell()]) == []
