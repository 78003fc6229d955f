"""Every cell gets exactly one phase, whatever its numbers; all ways of classifying agree on it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.catalog.classification import classified
from landscape_catalog.catalog.tables import TABLES, frame_of
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.phases import CellNumbers, Rule, Yang2021
from landscape_catalog.phases.diagram import Diagram, DiagramAxis

METRICS = ("train_loss", "top_eigenvalue", "mode_connectivity", "cka")
NAMES = {phase.name for phase in Yang2021().phases}
# Each threshold and its negative, numbers that differ from it by rounding, and what is no number.
AT_THRESHOLDS = [
    sign * value * (1 + shift)
    for value in (0.05, 76.0, 1.0, 0.5, 0.25)
    for sign in (1, -1)
    for shift in (0.0, 1e-16, 3e-16, -1e-10, 1e-6)
]
NUMBERS = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e308, *AT_THRESHOLDS]),
    st.floats(width=64),
    st.floats(-3, 3),
)
COUNTS = st.integers(0, 6)
CELL = st.fixed_dictionaries(dict.fromkeys(METRICS, NUMBERS))
AUTOMATIC = st.fixed_dictionaries(
    {
        "connectivity": st.fixed_dictionaries({"tolerance": st.sampled_from([0.0, 1.0, "auto"])}),
        "hessian": st.fixed_dictionaries(
            {
                "metric": st.sampled_from(["top_eigenvalue", "trace"]),
                "threshold": st.sampled_from([76.0, "auto"]),
            }
        ),
        "cka": st.fixed_dictionaries({"threshold": st.sampled_from([0.0, 0.5, 1.0, "auto"])}),
        "train_loss": st.sampled_from([0.05, None, "auto"]),
    }
)


def numeric(section: Mapping[str, Any]) -> Yang2021:
    """The rule of a drawn section, with 0.25 instead of `auto`."""
    text = json.dumps(section).replace('"auto"', "0.25")
    return Yang2021.model_validate(json.loads(text))


@given(AUTOMATIC, CELL, COUNTS, COUNTS, st.lists(NUMBERS, max_size=4))
@settings(max_examples=400, deadline=None)
def test_any_numbers_give_one_phase(
    section: dict[str, Any], means: dict[str, float], n_runs: int, n_converged: int,
    pairs: list[float],
) -> None:  # fmt: skip
    rule = numeric(section)
    of_pairs = dict.fromkeys(rule.pair_metrics, pairs)
    cell = CellNumbers(n_runs, n_converged, means | {"trace": means["top_eigenvalue"]}, of_pairs)
    verdict = rule.classify(cell)
    assert verdict.phase in NAMES
    assert verdict.reason
    assert rule.classify(cell) == verdict
    failed = n_runs - n_converged
    assert (verdict.phase == "NC") == (2 * failed > n_runs)


@given(AUTOMATIC, st.lists(CELL, min_size=1, max_size=8), COUNTS, COUNTS)
@settings(max_examples=400, deadline=None)
def test_labels_of_many_sets_are_those_of_each(
    section: dict[str, Any], cells: list[dict[str, float]], n_runs: int, n_converged: int
) -> None:
    rule = numeric(section)
    for one in cells:
        one["trace"] = one["top_eigenvalue"]
    drawn = {name: np.array([cell[name] for cell in cells]) for name in rule.drawn_metrics}
    with np.errstate(over="ignore"):
        labels = rule.labels(n_runs, n_converged, drawn, {})
    each = [rule.classify(CellNumbers(n_runs, n_converged, cell)).phase for cell in cells]
    assert labels == each


@given(st.lists(CELL, min_size=4, max_size=4))
@settings(max_examples=200, deadline=None)
def test_exactly_one_set_of_conditions_is_met(cells: list[dict[str, float]]) -> None:
    """An independent formulation: the conditions of the phases exclude each other and cover all."""
    rule = Yang2021()
    for cell in cells:
        loss, hessian, mc, cka = (cell[name] for name in METRICS)
        below = mc < -1 and not math.isclose(mc, -1, rel_tol=1e-9)
        above = mc > 1 and not math.isclose(mc, 1, rel_tol=1e-9)
        high = [
            value > limit and not math.isclose(value, limit, rel_tol=1e-9)
            for value, limit in ((loss, 0.05), (hessian, 76.0))
        ]
        sharp = above or any(high)
        unknown = math.isnan(mc) or (not sharp and (math.isnan(loss) or math.isnan(hessian)))
        alike = cka >= 0.5 or math.isclose(cka, 0.5, rel_tol=1e-9)
        connected_flat = not unknown and not sharp and not below
        conditions = {
            "I": not unknown and sharp and below,
            "II": not unknown and sharp and not below,
            "III": not unknown and not sharp and below,
            "IV-A": connected_flat and not math.isnan(cka) and not alike,
            "IV-B": connected_flat and alike,
            "unclassified": unknown or (connected_flat and math.isnan(cka)),
        }
        met = [name for name, holds in conditions.items() if holds]
        assert met == [rule.classify(CellNumbers(2, 2, cell)).phase]


def diagram_of_cells(cells: list[dict[str, float]], n_runs: list[int]) -> Diagram:
    """Two lines of cells along temperature."""
    n = len(cells) // 2
    places = np.array([(i, j) for i in range(2) for j in range(n)])
    means = {name: np.array([cell[name] for cell in cells]) for name in METRICS}
    return Diagram(
        axes=(
            DiagramAxis.of("load.width", [1, 2]),
            DiagramAxis.of("temperature.lr", [0.1 * (j + 1) for j in range(n)]),
        ),
        variants=("base",),
        cell_ids=tuple(map(str, range(2 * n))),
        places=places,
        variant=np.zeros(2 * n, dtype=int),
        n_runs=np.array(n_runs),
        n_converged=np.array(n_runs),
        means=means | {"trace": means["top_eigenvalue"]},
        standard_errors={"mode_connectivity": means["cka"]},
        counts={"mode_connectivity": np.array(n_runs)},
        fixed={"load.samples": 1000},
        units={"mode_connectivity": "%"},
    )


@given(
    AUTOMATIC, st.lists(CELL, min_size=10, max_size=10), st.lists(COUNTS, min_size=10, max_size=10)
)
@settings(max_examples=100, deadline=None)
def test_thresholds_of_any_grid_are_numbers_of_a_valid_rule(
    section: dict[str, Any], cells: list[dict[str, float]], counts: list[int]
) -> None:
    rule = Yang2021.model_validate(section)
    resolved = rule.resolved(diagram_of_cells(cells, counts))
    assert not resolved.rule.is_automatic
    n_auto = json.dumps(section).count('"auto"')
    assert len(resolved.found) == n_auto
    for found in resolved.found:
        assert math.isfinite(found.value)
        assert found.fallback == (found.low is None)
        if found.low is not None and found.high is not None:
            assert found.low <= found.value <= found.high
    for cell in cells:
        numbers = CellNumbers(2, 2, cell | {"trace": cell["top_eigenvalue"]})
        assert resolved.rule.classify(numbers).phase in NAMES


def stored(cells: list[dict[str, float]], counts: list[tuple[int, int]]) -> dict[str, pl.DataFrame]:
    """Tables of a grid of published means; a number that is not finite is null, as in catalogs."""
    n = len(cells) // 2
    rows: dict[str, list[dict[str, Any]]] = {"cells": [], "cell_metrics": []}
    for i, (cell, (n_runs, n_converged)) in enumerate(zip(cells, counts)):
        key = {"experiment_id": "e", "cell_id": f"{i:02d}"}
        rows["cells"].append(
            {**key, "position": i, "variant": "base", "width": i // n + 1, "lr": 0.1 * (i % n + 1),
             "extra": "{}", "n_runs": n_runs, "n_converged": n_converged}
        )  # fmt: skip
        for metric, mean in cell.items():
            known = mean if math.isfinite(mean) else None
            rows["cell_metrics"].append(
                {**key, "metric": metric, "probe": "primary", "mean": known}
            )
    axes = [
        {"path": "load.width", "values": [1, 2]},
        {"path": "temperature.lr", "values": [0.1 * (j + 1) for j in range(n)]},
    ]
    experiment = {"experiment_id": "e", "axes": json.dumps(axes), "variants": '["base"]',
                  "performance_metric": "test_accuracy"}  # fmt: skip
    tables = {name: frame_of(table, rows.get(name, [])) for name, table in TABLES.items()}
    return {**tables, "experiments": frame_of(TABLES["experiments"], [experiment])}


@given(
    AUTOMATIC,
    st.lists(CELL, min_size=8, max_size=8),
    st.lists(st.tuples(COUNTS, COUNTS), min_size=8, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_every_stored_cell_gets_one_phase_by_the_rule_in_effect(
    section: dict[str, Any], cells: list[dict[str, float]], counts: list[tuple[int, int]]
) -> None:
    for cell in cells:
        cell["trace"] = cell["top_eigenvalue"]
    rule = Yang2021.model_validate(section)
    found = classified(stored(cells, counts), rule)
    phases = found["phases"].sort("cell_id")
    assert phases["cell_id"].to_list() == [f"{i:02d}" for i in range(8)]
    in_effect: Rule = rule_in_effect(found["experiments"].row(0, named=True))
    assert not in_effect.is_automatic
    for phase, cell, (n_runs, n_converged) in zip(phases["phase"], cells, counts):
        known = {name: mean for name, mean in cell.items() if math.isfinite(mean)}
        assert phase == in_effect.classify(CellNumbers(n_runs, n_converged, known)).phase
