"""The phases that missing numbers leave: they contain the phase of every completion."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.diagnosis.measuring import Measurements, counts
from landscape_catalog.diagnosis.method import paper_method
from landscape_catalog.diagnosis.phase import cell_numbers, found_phase, possible_phases
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.phases import UNCLASSIFIED, CellNumbers, Yang2021

RULES = [
    Yang2021(),
    Yang2021(train_loss=None),
    Yang2021(hessian={"metric": "trace", "threshold": 900.0}, cka={"threshold": 0.0}),
    Yang2021(connectivity={"tolerance": 0.0}),
]
OPTIONAL = ("train_loss", "top_eigenvalue", "trace", "mode_connectivity", "cka")
loss, curvature = st.floats(0, 5), st.floats(-10, 1e4)
numbers = st.fixed_dictionaries(
    {
        "train_loss": loss,
        "top_eigenvalue": curvature,
        "trace": curvature,
        "train_error": st.floats(0, 100),
        "mode_connectivity": st.floats(-100, 100),
        "cka": st.floats(0, 1),
    }
)


@given(st.sampled_from(RULES), numbers, st.sets(st.sampled_from(OPTIONAL)))
@settings(max_examples=300, deadline=None)
def test_the_set_holds_the_phase_whatever_is_missing(
    rule: Yang2021, means: dict[str, float], missing: set[str]
) -> None:
    means["mode_connectivity"] = min(means["mode_connectivity"], means["train_error"])
    truth = rule.classify(CellNumbers(2, 2, means)).phase
    known = {name: math.nan if name in missing else value for name, value in means.items()}
    found = possible_phases(rule, CellNumbers(2, 2, known))
    assert truth in found
    assert UNCLASSIFIED.name not in found
    if not missing & set(rule.metrics):
        assert found == [truth]


@given(st.sampled_from(RULES), numbers)
@settings(max_examples=200, deadline=None)
def test_the_set_has_nothing_that_no_number_gives(rule: Yang2021, means: dict[str, float]) -> None:
    """Of one checkpoint: I and II, or III and IV, and II where the ends are not minima."""
    known = {**means, "mode_connectivity": math.nan, "cka": math.nan}
    found = set(possible_phases(rule, CellNumbers(1, 1, known)))
    if "I" in found:
        assert found == {"I", "II"}
    else:
        assert {"III", "IV-B"} <= found <= {"II", "III", "IV-A", "IV-B"}
        above = means["train_error"] > rule.connectivity.tolerance
        assert ("II" in found) <= above


def measurements(n: int, **values: list[float]) -> Measurements:
    """Estimates of each checkpoint or pair, with an error of 0.1."""
    found = Measurements(n, [], "all", paper_method())
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    for name, numbers_given in values.items():
        members = pairs if name in ("mode_connectivity", "cka") else [(i,) for i in range(n)]
        found.estimates[name] = {
            which: Estimate(value, 0.1, "standard error", 10)
            for which, value in zip(members, numbers_given)
        }
    return found


def test_what_the_errors_of_two_checkpoints_say() -> None:
    def words(mc: float) -> str:
        measured = measurements(
            2, train_loss=[0.001] * 2, top_eigenvalue=[10.0] * 2, mode_connectivity=[mc], cka=[0.9]
        )
        measured.estimates["train_loss"] = {
            which: Estimate(0.001, 0.0, "exact") for which in ((0,), (1,))
        }
        return found_phase(Yang2021(), measured).words

    assert "do not change the label" in words(-0.5)
    assert "it may also be III" in words(-0.9)


def test_three_checkpoints_give_probabilities() -> None:
    def found(mc: list[float]) -> dict[str, float]:
        measured = measurements(
            3,
            train_loss=[0.001, 0.0012, 0.0009],
            top_eigenvalue=[10.0, 11.0, 12.0],
            mode_connectivity=mc,
            cka=[0.9, 0.91, 0.9],
        )
        return dict(found_phase(Yang2021(), measured).probabilities)

    sure, doubtful = found([0.0, -0.01, 0.0]), found([-0.6, -1.3, -0.9])
    assert sure["IV-B"] > 0.95
    assert 0.3 < doubtful["IV-B"] < 0.85
    assert doubtful["III"] > 0.1


def test_only_converged_curves_count() -> None:
    measured = measurements(2, train_loss=[0.1, 0.3], mode_connectivity=[-5.0])
    loose = Estimate(-5.0, converged=False, reason="too short")
    measured.estimates["mode_connectivity"] = {(0, 1): loose}
    measured.estimates["trace"] = {(0,): loose, (1,): Estimate(math.nan)}
    means = cell_numbers(measured).means
    assert math.isnan(means["mode_connectivity"])
    assert means["train_loss"] == pytest.approx(0.2)
    assert means["trace"] == -5.0
    assert counts("peak_error", loose) is False
    assert found_phase(Yang2021(), measured).missing == (
        "top_eigenvalue",
        "mode_connectivity",
        "cka",
    )
