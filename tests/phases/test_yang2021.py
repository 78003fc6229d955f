"""The rule's truth table, and how it treats missing and doubtful numbers."""

from __future__ import annotations

import itertools
import math

import pytest

from landscape_catalog.phases import (
    CellNumbers,
    Yang2021,
    doubtful_flat,
    not_converged_reason,
)

RULE = Yang2021.model_validate(
    {
        "connectivity": {"tolerance": 1.0},
        "hessian": {"threshold": 50.0},
        "cka": {"threshold": 0.5},
        "train_loss": 0.05,
    }
)
MEANS = {"train_loss": 0.01, "top_eigenvalue": 5.0, "mode_connectivity": 0.0, "cka": 0.8}


def cell(
    n_runs: int = 2,
    n_converged: int = 2,
    pairs: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),),
    **means: float,
) -> CellNumbers:
    """A flat, well-connected cell with some means changed; pairs are (mc, lowest, highest)."""
    names = ("mode_connectivity", "connectivity_lowest", "connectivity_highest")
    return CellNumbers(n_runs, n_converged, MEANS | means, dict(zip(names, zip(*pairs))))


def expected(hessian: float, loss: float, mc: float, cka: float) -> str:
    """An independent formulation of the rule: three yes-no questions."""
    poorly = mc < -1
    bottom = hessian <= 50 and loss <= 0.05 and mc <= 1
    if not bottom:
        return {True: "I", False: "II"}[poorly]
    if poorly:
        return "III"
    return "IV-A" if cka < 0.5 else "IV-B"


TABLE = list(
    itertools.product(
        (5.0, 50.0, 51.0), (0.01, 0.05, 0.06), (-9, -1.01, -1, 0, 1, 1.01, 9), (0.2, 0.5, 0.9)
    )
)


@pytest.mark.parametrize(("hessian", "loss", "mc", "cka"), TABLE)
def test_truth_table(hessian: float, loss: float, mc: float, cka: float) -> None:
    found = cell(top_eigenvalue=hessian, train_loss=loss, mode_connectivity=mc, cka=cka)
    assert RULE.classify(found).phase == expected(hessian, loss, mc, cka)


def test_all_five_phases_are_in_the_table() -> None:
    assert {expected(*row) for row in TABLE} == {phase.name for phase in RULE.own_phases}


@pytest.mark.parametrize(
    ("changes", "phase", "words"),
    [
        (
            {"train_loss": 0.2, "mode_connectivity": -6.2},
            "I",
            ["mc -6.2 < -1", "training loss 0.2 > 0.05"],
        ),
        ({"top_eigenvalue": 80.0}, "II", ["top eigenvalue 80 > 50", "mc 0 >= -1"]),
        ({"mode_connectivity": 3.0}, "II", ["mc 3 > +1", "not at a minimum"]),
        ({"mode_connectivity": -4.0}, "III", ["mc -4 < -1", "top eigenvalue 5 <= 50"]),
        ({"cka": 0.3}, "IV-A", ["CKA 0.3 < 0.5"]),
        ({}, "IV-B", ["CKA 0.8 >= 0.5", "training loss 0.01 <= 0.05"]),
    ],
)
def test_the_reason_names_values_and_thresholds(
    changes: dict[str, float], phase: str, words: list[str]
) -> None:
    verdict = RULE.classify(cell(**changes))
    assert verdict.phase == phase
    assert all(word in verdict.reason for word in words), verdict.reason


@pytest.mark.parametrize(
    ("changes", "phase", "word"),
    [
        ({"mode_connectivity": math.nan}, "unclassified", "mode connectivity is missing"),
        ({"top_eigenvalue": math.nan}, "unclassified", "top eigenvalue missing"),
        ({"cka": math.nan}, "unclassified", "CKA is missing"),
        ({"cka": math.nan, "mode_connectivity": -3.0}, "III", "poorly"),  # CKA is not needed
        (
            {"top_eigenvalue": math.nan, "train_loss": 1.0},
            "II",
            "training loss",
        ),  # sharp by the loss alone
    ],
)
def test_missing_numbers(changes: dict[str, float], phase: str, word: str) -> None:
    verdict = RULE.classify(cell(**changes))
    assert verdict.phase == phase
    assert word in verdict.reason


def test_not_converged() -> None:
    assert RULE.classify(cell(n_runs=5, n_converged=2)).phase == "NC"
    half = RULE.classify(cell(n_runs=4, n_converged=2))
    assert half.phase == "IV-B"
    assert "over the 2 of 4 runs that converged" in half.reason


@pytest.mark.parametrize(
    ("loss", "stop", "word"),
    [
        (math.nan, "epochs", "nan"),
        (math.inf, "epochs", "inf"),
        (1e8, "epochs", "no better than guessing"),
        (2.31, "calm", "no better than guessing"),
        (0.1, "diverged", "infinite or NaN"),
    ],
)
def test_reasons_for_nonconvergence(loss: float, stop: str, word: str) -> None:
    reason = not_converged_reason(stop_reason=stop, train_loss=loss, frequency_loss=math.log(10))
    assert reason is not None
    assert word in reason


def test_a_loss_below_the_frequency_loss_is_convergence() -> None:
    assert not_converged_reason(stop_reason="epochs", train_loss=2.29, frequency_loss=2.30) is None


def test_without_the_training_loss() -> None:
    rule = RULE.model_copy(update={"train_loss": None})
    hot = cell(train_loss=0.8)
    assert RULE.classify(hot).phase == "II"
    assert rule.classify(hot).phase == "IV-B"
    assert doubtful_flat(RULE, ["IV-B", "IV-A", "IV-A", "I"], [0.8, 0.01, 0.02, 9.0]) == [
        True,
        False,
        False,
        False,
    ]
    assert doubtful_flat(RULE, ["I"], [9.0]) == [False]


def test_the_trace_as_hessian_metric() -> None:
    trace = RULE.model_validate(
        {**RULE.model_dump(), "hessian": {"metric": "trace", "threshold": 4.0}}
    )
    assert trace.metrics == ("train_loss", "trace", "mode_connectivity", "cka")
    assert "Hessian trace 5 > 4" in trace.classify(cell(trace=5.0)).reason


def test_ambiguous_connectivity() -> None:
    both = cell(mode_connectivity=-6.0, pairs=((-6.0, -6.0, 5.0),))
    assert RULE.classify(both).ambiguous
    assert "rises and dips" in RULE.classify(both).reason
    disagree = RULE.classify(cell(pairs=((-3.0, -3.0, 0.0), (3.0, 0.0, 3.0))))
    assert "pairs disagree" in disagree.reason
    assert not RULE.classify(cell()).ambiguous
