"""Every rule of the registry gives every cell one of its phases, with numbers and with `auto`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from landscape_catalog.phases import CellNumbers, Rule
from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.registry import RULES
from tests.phases.rules import ByLoss
from tests.phases.test_one_phase import COUNTS, NUMBERS

EVERY: dict[str, type[Rule]] = {**RULES, "by_loss": ByLoss}
N_TEMPERATURES, N_LOADS = 5, 2


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the settings in a section, such as ("hessian", "threshold")."""
    if not isinstance(value, dict):
        yield path
        return
    for name, part in value.items():
        yield from leaves(part, (*path, name))


def changed(section: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The section with another value at a path."""
    head, *rest = path
    return {**section, head: changed(section[head], tuple(rest), value) if rest else value}


def automatic_paths(rule: type[Rule]) -> list[tuple[str, ...]]:
    """The settings of a rule that may be `auto`."""
    section, found = rule().model_dump(), []
    for path in leaves(section):
        try:
            rule.model_validate(changed(section, path, "auto"))
        except ValidationError:
            continue
        found.append(path)
    return found


def test_the_rule_of_the_paper_has_four_thresholds_that_may_be_auto() -> None:
    assert {".".join(path) for path in automatic_paths(EVERY["yang2021"])} == {
        "connectivity.tolerance", "hessian.threshold", "cka.threshold", "train_loss",
    }  # fmt: skip
    assert automatic_paths(ByLoss) == []


@st.composite
def written_rules(draw: st.DrawFn, rule: type[Rule]) -> Rule:
    """The rule with some of its thresholds `auto`."""
    section = rule().model_dump()
    paths = automatic_paths(rule)
    for path in draw(st.lists(st.sampled_from(paths), unique=True)) if paths else []:
        section = changed(section, path, "auto")
    return rule.model_validate(section)


def layout() -> dict[str, Any]:
    """The places of the cells in a grid of one load and one temperature."""
    return {
        "axes": (
            DiagramAxis.of("load.width", range(1, N_LOADS + 1)),
            DiagramAxis.of("temperature.lr", [0.1 * (j + 1) for j in range(N_TEMPERATURES)]),
        ),
        "variants": ("base",),
        "cell_ids": tuple(map(str, range(N_LOADS * N_TEMPERATURES))),
        "places": np.array([(i, j) for i in range(N_LOADS) for j in range(N_TEMPERATURES)]),
        "variant": np.zeros(N_LOADS * N_TEMPERATURES, dtype=int),
    }


def grid_of(draw: st.DrawFn, metrics: tuple[str, ...]) -> Diagram:
    """Lines along temperature, with any numbers for metrics, errors and training."""
    n = N_LOADS * N_TEMPERATURES
    values = st.lists(NUMBERS, min_size=n, max_size=n).map(np.array)
    counts = np.array(draw(st.lists(COUNTS, min_size=n, max_size=n)))
    return Diagram(
        **layout(),
        n_runs=counts,
        n_converged=counts,
        means={name: draw(values) for name in metrics},
        standard_errors={name: draw(values) for name in metrics},
        measurement_errors={name: draw(values) for name in metrics},
        counts=dict.fromkeys(metrics, counts),
        fixed={"load.samples": draw(st.integers(1, 60_000))},
        units={"mode_connectivity": draw(st.sampled_from(["%", "nats"]))},
        rates=draw(st.none() | values),
        momenta=draw(st.none() | values),
    )


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_cell_of_any_grid_gets_exactly_one_phase(name: str, data: st.DataObject) -> None:
    written = data.draw(written_rules(EVERY[name]))
    grid = data.draw(st.composite(lambda draw: grid_of(draw, written.drawn_metrics))())
    resolved = written.resolved(grid)
    rule = resolved.rule
    assert not rule.is_automatic
    assert all(math.isfinite(found.value) for found in resolved.found)
    assert len(resolved.found) == written.model_dump_json().count('"auto"')
    names = [phase.name for phase in rule.phases]
    assert len(set(names)) == len(names)
    for i in range(len(grid)):
        means = {metric: float(values[i]) for metric, values in grid.means.items()}
        cell = CellNumbers(int(grid.n_runs[i]), int(grid.n_converged[i]), means)
        verdict = rule.classify(cell)
        assert names.count(verdict.phase) == 1
        with np.errstate(over="ignore"):
            (label,) = rule.labels(
                cell.n_runs, cell.n_converged, {k: np.array([v]) for k, v in means.items()}, {}
            )
        assert label == verdict.phase


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("tie", [0.0, 1.0, -1.0, math.inf, math.nan])
def test_a_grid_of_ties_has_one_phase(name: str, tie: float) -> None:
    """All numbers alike: nothing is found, every threshold falls back, all cells are alike."""
    section = EVERY[name]().model_dump()
    for path in automatic_paths(EVERY[name]):
        section = changed(section, path, "auto")
    rule = EVERY[name].model_validate(section)
    n = N_LOADS * N_TEMPERATURES
    grid = Diagram(
        **layout(),
        n_runs=np.full(n, 5),
        n_converged=np.full(n, 5),
        means={metric: np.full(n, tie) for metric in rule.drawn_metrics},
    )
    resolved = rule.resolved(grid)
    assert all(found.fallback for found in resolved.found)
    means = dict.fromkeys(rule.drawn_metrics, tie)
    assert resolved.rule.classify(CellNumbers(5, 5, means)).phase in {
        phase.name for phase in rule.phases
    }
