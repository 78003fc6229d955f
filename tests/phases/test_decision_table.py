"""A rule as a table: it agrees with the rule written out, and says how far a label is from another."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.phases import RULES, CellNumbers, Rule, Yang2021
from landscape_catalog.phases.criterion import Criterion, are_met, is_met
from landscape_catalog.phases.decision_table import DecisionTable, Line, Setting
from tests.phases.rules import ByLoss, random_means

N = 10_000
YANG = {
    "default": {},
    "by the trace": {"hessian": {"metric": "trace", "threshold": 1000.0}},
    "without the loss": {"train_loss": None},
    "no tolerance": {"connectivity": {"tolerance": 0.0}},
}


def yang2021(changes: dict[str, Any]) -> Yang2021:
    return Yang2021.model_validate({"rule": "yang2021", **changes})


def equal(value: float, threshold: float) -> bool:
    return math.isclose(value, threshold, rel_tol=1e-9, abs_tol=1e-12)


def above(value: float, threshold: float) -> bool:
    return value > threshold and not equal(value, threshold)


def written_out(rule: Yang2021, cell: Mapping[str, float]) -> str:
    """The docstring of the rule as nested conditions."""
    mc, cka = cell["mode_connectivity"], cell["cka"]
    tolerance = float(rule.connectivity.tolerance)
    evidence = [(cell[rule.hessian.metric], float(rule.hessian.threshold))]
    if rule.train_loss is not None:
        evidence.append((cell["train_loss"], float(rule.train_loss)))
    if math.isnan(mc):
        return "unclassified"
    poorly = above(-mc, tolerance)
    if above(mc, tolerance) or any(above(value, threshold) for value, threshold in evidence):
        return "I" if poorly else "II"
    if any(math.isnan(value) for value, _ in evidence):
        return "unclassified"
    if poorly:
        return "III"
    if math.isnan(cka):
        return "unclassified"
    return "IV-A" if above(float(rule.cka.threshold), cka) else "IV-B"


@pytest.mark.parametrize("name", YANG)
def test_the_table_is_the_rule(name: str) -> None:
    rule = yang2021(YANG[name])
    assert rule.table is not None
    means = random_means(rule.table, N)
    found = rule.table.phases(means)
    cells = [dict(zip(means, column)) for column in zip(*(v.tolist() for v in means.values()))]
    expected = [written_out(rule, cell) for cell in cells]
    assert found.tolist() == expected
    least = 5 if name == "no tolerance" else 20
    assert all(expected.count(phase.name) > least for phase in rule.own_phases)
    for cell, phase in zip(cells[:300], expected):
        assert rule.classify(CellNumbers(2, 2, cell)).phase == phase


def test_comparisons_of_arrays_are_those_of_numbers() -> None:
    values = [
        -math.inf,
        -1e308,
        -1.0,
        -1e-13,
        0.0,
        1e-13,
        1.0,
        1 + 1e-10,
        1e308,
        math.inf,
        math.nan,
    ]
    for relation in ("<", ">", ">="):
        for threshold in (-math.inf, -1e308, -1.0, 0.0, 1.0, 1e308, math.inf):
            one_by_one = [is_met(value, relation, threshold) for value in values]
            assert are_met(np.array(values), relation, threshold).tolist() == one_by_one
            each = np.full(len(values), threshold)
            assert are_met(np.array(values), relation, each).tolist() == one_by_one


@pytest.mark.parametrize("name", YANG)
def test_a_criterion_that_is_never_met(name: str) -> None:
    """An infinite threshold equals no finite mean, which would meet `>=`."""
    rule = yang2021(YANG[name])
    assert rule.table is not None
    means = random_means(rule.table, 500)
    for criterion in rule.criteria:
        finite = np.where(np.isfinite(means[criterion.metric]), means[criterion.metric], 1.0)
        found = rule.table.phases(
            means | {criterion.metric: finite}, {criterion.name: criterion.never}
        )
        if criterion.metric == "cka":
            assert "IV-B" not in found
        if criterion.relation == "<":
            assert not {"I", "III"} & set(found)


def scanned(
    table: DecisionTable, means: dict[str, np.ndarray], step: float, reach: float
) -> np.ndarray:
    """The smallest factor by which a setting can be moved, on a grid, until a label changes."""
    declared = table.phases(means)
    least = np.full(len(declared), np.inf)
    for setting in table.settings:
        for k in range(1, int(reach / step)):
            for value in (setting.value * math.exp(k * step), setting.value * math.exp(-k * step)):
                if value <= setting.most:
                    changed = table.phases(means, table.moved({setting.path: value})) != declared
                    least = np.where(
                        changed & (math.exp(k * step) < least), math.exp(k * step), least
                    )
    return least


@pytest.mark.parametrize("name", ["default", "without the loss"])
def test_room_is_the_first_change(name: str) -> None:
    table = yang2021(YANG[name]).table
    assert table is not None
    step, reach = 0.01, math.log(20)
    means = random_means(table, 500)
    factors, which = table.room(means)
    first = scanned(table, means, step, reach)
    near = first < np.inf
    assert near.sum() > 150
    gap = np.log(first[near]) - np.log(factors[near])
    assert gap.min() > -1e-9
    assert gap.max() <= step + 1e-5
    assert (factors[~near] > math.exp(reach - 2 * step)).all()
    assert ((which >= 0) == np.isfinite(factors)).all()
    declared = table.phases(means)
    for i in np.flatnonzero(which >= 0):
        setting, cell = table.settings[which[i]], {name: v[i : i + 1] for name, v in means.items()}
        moved = {
            table.phases(
                cell, table.moved({setting.path: setting.value * factors[i] ** side * end})
            )[0]
            for side in (-1, 1)
            for end in (1 - 1e-5, 1 + 1e-5)
        }
        assert moved != {declared[i]}, i


def one_threshold(most: float = math.inf) -> DecisionTable:
    sharp = Criterion("sharp", "loss", 0.5, ">=")
    lines = (Line((("sharp", "met"),), "S"), Line((), "F"))
    return DecisionTable((sharp,), lines, (Setting("loss", "loss", 0.5, (("sharp", 1),), most),))


@pytest.mark.parametrize(
    ("value", "most", "factor"),
    [
        (1.0, math.inf, 2.0), (0.25, math.inf, 2.0), (0.5, math.inf, 1.0), (0.0, math.inf, math.inf),
        (math.nan, math.inf, math.inf), (math.inf, math.inf, math.inf), (1.0, 1.0, math.inf),
        (0.9, 1.0, 1.8), (2.0, 1.0, math.inf), (-1.0, math.inf, math.inf),
    ],
)  # fmt: skip
def test_room_by_hand(value: float, most: float, factor: float) -> None:
    """A mean at its threshold changes sides at once; none beyond the largest setting can."""
    factors, which = one_threshold(most).room({"loss": np.array([value])})
    assert factors[0] == pytest.approx(factor)
    assert which[0] == (0 if math.isfinite(factor) else -1)


def read_back(written: dict[str, Any]) -> DecisionTable:
    criteria = [Criterion(**one) for one in written["criteria"]]
    lines = [Line(tuple(map(tuple, one["conditions"])), one["phase"]) for one in written["lines"]]
    settings = [
        Setting(
            **{
                **one,
                "most": one["most"] or math.inf,
                "criteria": tuple(map(tuple, one["criteria"])),
            }
        )
        for one in written["settings"]
    ]
    return DecisionTable(tuple(criteria), tuple(lines), tuple(settings))


@given(st.sampled_from([0.01, 0.5, 1.0, 7.25]), st.sampled_from([1e-3, 0.05, None]))
def test_what_is_written_is_the_table(tolerance: float, loss: float | None) -> None:
    rule = yang2021({"connectivity": {"tolerance": tolerance}, "train_loss": loss})
    assert rule.table is not None
    back = read_back(json.loads(json.dumps(rule.table.to_dict(), allow_nan=False)))
    assert back.lines == rule.table.lines
    assert back.settings == rule.table.settings
    key: Callable[[Criterion], Any] = lambda c: (c.name, c.metric, c.threshold, c.relation)  # noqa: E731
    assert [key(c) for c in back.criteria] == [key(c) for c in rule.table.criteria]
    means = random_means(rule.table, 200)
    assert back.phases(means).tolist() == rule.table.phases(means).tolist()


def test_a_moved_setting_moves_each_of_its_criteria() -> None:
    table = Yang2021().table
    assert table is not None
    assert sorted(table.moved({"connectivity.tolerance": 3.0}).values()) == [-3.0, 3.0]
    assert table.moved({}) == {}
    means = {"mode_connectivity": -2.0, "top_eigenvalue": 1.0, "train_loss": 0.01, "cka": 0.9}
    assert table.phase(means) == "III"
    assert table.phase(means, table.moved({"connectivity.tolerance": 3.0})) == "IV-B"


def test_rules_without_a_table() -> None:
    rules: list[Rule] = [ByLoss(), *(rule() for name, rule in RULES.items() if name != "yang2021")]
    assert all(rule.table is None for rule in rules)
