"""`classify`: the catalog's rule, applied to numbers."""

from __future__ import annotations

from typing import Any

import pytest

from landscape_catalog.api.phase import classify
from landscape_catalog.errors import SpecError

FLAT: dict[str, float] = {"train_loss": 0.01, "top_eigenvalue": 5.0}


@pytest.mark.parametrize(
    ("numbers", "phase"),
    [
        ({"top_eigenvalue": 90.0, "mode_connectivity": -3.0}, "I"),
        ({"train_loss": 0.3, "mode_connectivity": 0.0}, "II"),
        ({"mode_connectivity": 2.0}, "II"),
        ({"mode_connectivity": -3.0}, "III"),
        ({"mode_connectivity": 0.0, "cka": 0.2}, "IV-A"),
        ({"mode_connectivity": 0.0, "cka": 0.5}, "IV-B"),
        ({"mode_connectivity": 0.0}, "unclassified"),
        ({"mode_connectivity": 0.0, "cka": float("nan")}, "unclassified"),
    ],
)
def test_each_phase_is_reached(numbers: dict[str, float], phase: str) -> None:
    assert classify(**(FLAT | numbers)).phase == phase


def test_thresholds_can_be_changed() -> None:
    numbers: dict[str, Any] = {"train_loss": 0.01, "trace": 50.0, "mode_connectivity": 0.0}
    flat = {"hessian": {"metric": "trace", "threshold": 100.0}, "cka": {"threshold": 0.9}}
    assert classify(thresholds=flat, cka=0.8, **numbers).phase == "IV-A"
    sharp = {"hessian": {"metric": "trace", "threshold": 10.0}}
    assert classify(thresholds=sharp, cka=0.8, **numbers).phase == "II"


def test_an_invalid_threshold_is_named_by_its_path() -> None:
    with pytest.raises(SpecError) as raised:
        classify(thresholds={"cka": {"treshold": 0.9}}, mode_connectivity=0.0)
    (problem,) = raised.value.problems
    assert problem.path == "classify.cka.treshold"
    assert "threshold" in problem.allowed


def test_numbers_that_the_rule_does_not_use_are_refused() -> None:
    with pytest.raises(TypeError, match=r"trace.*top_eigenvalue"):
        classify(trace=3.0, mode_connectivity=0.0)


@pytest.mark.parametrize(
    "thresholds", [{"cka": {"threshold": "auto"}}, {"train_loss": "auto", "hessian": {}}]
)
def test_a_single_cell_has_no_grid_to_find_thresholds_from(thresholds: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="thresholds: got a threshold `auto`, which is found from"):
        classify(thresholds=thresholds, mode_connectivity=0.0)
