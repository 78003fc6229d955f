"""All facts of a diagram: JSON, edge cases, and whatever is missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts import Facts, facts_of
from landscape_catalog.schema.strict_json import strict_json
from tests.conftest import ROOT
from tests.phases.facts.planted import BATCH, BATCHES, NOISE, SAMPLES, WIDTH, WIDTHS, diagram

PHASES = ("I", "II", "III", "IV-A", "IV-B", "NC", "unclassified")


def keys(value: Any) -> set[str]:
    """The keys of nested dictionaries, without dotted paths and names of phases."""
    if isinstance(value, dict):
        own = {key for key in value if "." not in key and key not in PHASES}
        return own.union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, (list, tuple)) else set()


def rich() -> Diagram:
    """Two variants, three axes, a peak, boundaries, missing values and cells that are NC."""
    generator = np.random.default_rng(0)

    def phase(p: dict[str, Any]) -> str:
        if p[BATCH] == 16 and p[WIDTH] == 1:
            return "NC"
        poor = p[WIDTH] < (4 if p["variant"] == "base" else 2)
        if p[BATCH] < 100:
            return "I" if poor else "II"
        return "III" if poor else ("IV-B" if p[WIDTH] > 8 else "IV-A")

    def accuracy(p: dict[str, Any]) -> float:
        peak = 9.0 * (p[BATCH] == 64)
        return float(70 + 3 * np.log2(p[WIDTH]) - peak + generator.standard_normal() / 9)

    found = diagram(
        {WIDTH: WIDTHS, SAMPLES: [100, 200], BATCH: BATCHES},
        phase,
        variants=("base", "decay"),
        means={
            "test_accuracy": accuracy,
            "train_loss": lambda p: 1.0 if p[BATCH] < 100 else 1e-3,
            "top_eigenvalue": lambda p: 1e-2 if p[BATCH] < 100 else 50.0,
        },
        standard_errors={"test_accuracy": lambda _: 0.1},
        counts={"test_accuracy": lambda _: 5},
    )
    found.means["test_accuracy"][[0, 9]] = np.nan
    return found


def test_every_key_is_documented() -> None:
    found = facts_of(rich(), {name: np.full(168, 1 / len(PHASES)) for name in PHASES})
    every = (found.areas, found.boundaries, found.best, found.descents, found.gains)
    assert all(every)
    assert any(one.coincidences for one in found.descents)
    text = (ROOT / "docs" / "facts.md").read_text(encoding="utf-8")
    missing = {key for key in keys(found.as_dict()) if f"`{key}`" not in text}
    assert not missing


def test_facts_are_the_same_at_every_call() -> None:
    first, second = (strict_json(facts_of(rich()).as_dict()) for _ in range(2))
    assert first == second


def test_every_fact_has_a_sentence() -> None:
    found = facts_of(rich())
    every = (*found.areas, *found.boundaries, *found.best, *found.descents, *found.gains)
    assert all(fact.words.endswith(".") and fact.words[0] != " " for fact in every)
    assert len(found.words) == len(every) - sum(bool(areas.settings) for areas in found.areas)


def test_nothing_is_said_of_nothing() -> None:
    assert facts_of(diagram({WIDTH: []})) == Facts()
    assert facts_of(diagram({})).words == ()


EDGES = {
    "one cell": {WIDTH: [4], BATCH: [32]},
    "no axis at all": {},
    "a load axis only": {WIDTH: WIDTHS},
    "a temperature axis only": {BATCH: BATCHES},
    "no temperature": {WIDTH: WIDTHS, NOISE: [0.0, 0.1]},
    "names": {"load.extra.activation": ["relu", "tanh"], "temperature.extra.kind": ["a", "b"]},
    "names and numbers": {"load.extra.activation": ["relu", None, True], BATCH: BATCHES},
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("value", [1.0, np.nan, np.inf, 0.0])
def test_edge_cases_have_facts(name: str, value: float) -> None:
    for phase in (*PHASES, "mine"):
        found = diagram(
            EDGES[name],
            lambda _, phase=phase: phase,
            means={"test_accuracy": lambda _: value, "train_loss": lambda _: value},
        )
        facts = facts_of(found)
        assert facts.areas[0].phases[0].area == pytest.approx(1)
        assert bool(facts.best) == np.isfinite(value)
        json.loads(strict_json(facts.as_dict()), parse_constant=pytest.fail)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-2, 2).map(float)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(NUMBERS, min_size=1, max_size=8),
    st.lists(st.sampled_from(PHASES), min_size=1, max_size=4),
    st.integers(0, 999),
    st.integers(1, 2),
    st.booleans(),
)
def test_whatever_is_measured_the_facts_are_strict_json(
    numbers: list[float], phases: list[str], seed: int, n_variants: int, higher: bool
) -> None:
    """Cells have numbers and phases of a few, by chance."""
    generator = np.random.default_rng(seed)

    def number(_: object) -> float:
        return float(generator.choice(numbers))

    found = diagram(
        {WIDTH: [1, 2, 4], BATCH: [64, 32, 16, 8]},
        lambda _: str(generator.choice(phases)),
        variants=("base", "decay")[:n_variants],
        means=dict.fromkeys(("test_accuracy", "train_loss", "top_eigenvalue"), number),
        standard_errors={"test_accuracy": lambda _: abs(number(_))},
        counts={"test_accuracy": lambda _: int(generator.integers(0, 5))},
        higher_is_better=higher,
    )
    facts = facts_of(found)
    written = json.loads(strict_json(facts.as_dict()), parse_constant=pytest.fail)
    assert sum(area["count"] for area in written["areas"][0]["phases"]) == len(found)
    for one in facts.boundaries:
        assert one.n_changing + sum(bool(line.side) for line in one.lines) == one.n_lines
    for descent in facts.descents:
        assert all(bump.size > 0 for bump in descent.bumps)
