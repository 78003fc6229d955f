"""Probabilities of labels: closed forms, what must not matter, and calibration on planted truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.label_calibration import SCENARIOS, simulate
from landscape_catalog.phases import (
    CellNumbers,
    LabelDistribution,
    ObservedCell,
    Rule,
    Values,
    Yang2021,
    label_distributions,
    percent,
)
from landscape_catalog.phases.predictive.draws import run_correlations
from landscape_catalog.phases.predictive.observed import members_of
from landscape_catalog.phases.predictive.spread import Spreads
from landscape_catalog.phases.predictive.survival import Survival
from landscape_catalog.schema.pairs import PairChoice, chosen_pairs
from tests.phases.rules import ByLoss

RULE = Yang2021()  # tolerance 1, top eigenvalue 76, training loss 0.05, CKA 0.5


def values_of(
    centre: float,
    sd: float,
    n: int,
    pairs: PairChoice | None = None,
    *,
    logarithmic: bool = False,
) -> Values:
    """Values (or their logarithms) with exactly this mean and standard deviation."""
    members = members_of(n, pairs)
    found = np.random.default_rng(len(members)).standard_normal(len(members))
    if len(found) > 1:
        found = (found - found.mean()) / found.std(ddof=1)
    scaled = centre + sd * found
    return Values(tuple(np.exp(scaled) if logarithmic else scaled), members, pairs, logarithmic)


def cell(
    name: str = "a", n: int = 5, n_runs: int = 5, pairs: PairChoice = "ring", **changes: float
) -> ObservedCell:
    """A cell in the middle of IV-B with some means changed."""
    means = {"train_loss": 0.005, "top_eigenvalue": 5.0, "mode_connectivity": 0.0, "cka": 0.8}
    means |= changes
    loss, top = math.log(means["train_loss"]), math.log(means["top_eigenvalue"])
    return ObservedCell(
        name,
        n_runs,
        n,
        {
            "train_loss": values_of(loss, 0.3, n, logarithmic=True),
            "top_eigenvalue": values_of(top, 0.3, n, logarithmic=True),
            "mode_connectivity": values_of(means["mode_connectivity"], 0.2, n, pairs),
            "cka": values_of(means["cka"], 0.02, n, "all"),
        },
    )


def with_values(observed: ObservedCell, **values: Values) -> ObservedCell:
    """The cell with other values of some metrics."""
    return replace(observed, metrics={**observed.metrics, **values})


def numbers(observed: ObservedCell) -> CellNumbers:
    means = {
        name: float(np.mean(one.values)) for name, one in observed.metrics.items() if one.values
    }
    return CellNumbers(observed.n_runs, observed.n_converged, means)


def found_for(*cells: ObservedCell, rule: Rule = RULE) -> list[LabelDistribution]:
    return label_distributions(rule, cells, [numbers(one) for one in cells])


def test_a_cell_far_from_every_threshold_is_sure() -> None:
    found = found_for(cell())[0]
    assert found.label == "IV-B"
    assert found.probability is not None
    assert found.probability > 0.97
    assert set(found.probabilities) == {phase.name for phase in RULE.phases}
    assert sum(found.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changes", "label", "second", "words"),
    [
        (
            {"mode_connectivity": -1.0 - 1e-3},
            "III",
            "IV-B",
            "mode connectivity is -1.001, its threshold -1",
        ),
        ({"train_loss": 0.0475}, "IV-B", "II", "the training loss is 0.04"),
        ({"cka": 0.4999}, "IV-A", "IV-B", "CKA is 0.4999, its threshold 0.5"),
        ({"top_eigenvalue": 73.0}, "IV-B", "II", "the top eigenvalue is 75.7, its threshold 76"),
    ],
)
def test_a_cell_on_a_threshold(
    changes: dict[str, float], label: str, second: str, words: str
) -> None:
    found = found_for(cell("a", 5, 5, "ring", **changes))[0]
    assert (found.label, found.second) == (label, second)
    assert found.probability == pytest.approx(0.5, abs=0.12)
    assert words in found.words, found.words


def test_cells_thousands_of_errors_apart_have_probabilities() -> None:
    """As with a metric that is the same for all runs of a cell, for example a number of parameters."""
    cells = [
        ObservedCell(str(i), 4, 4, {"train_loss": values_of(mean, 1e-9, 4)})
        for i, mean in enumerate((1e-4, 4e-4, 9e-4, 1.6, 1e3))
    ]
    found = label_distributions(ByLoss(), cells, [numbers(one) for one in cells])
    assert all(sum(one.probabilities.values()) == pytest.approx(1) for one in found)
    assert all(one.probability is not None and one.probability > 0.99 for one in found)


@pytest.mark.parametrize("distance", [0.2, 0.5, 1.0])
def test_a_single_cell_is_close_to_the_posterior_predictive_distribution(distance: float) -> None:
    """One metric of runs, no other cells: fresh means with Jeffreys' prior, drawn independently.

    mu and sigma have the posterior of normal logarithms (Student's t with n - 1 degrees of
    freedom); outlying runs, whose prior share is 5%, make the label somewhat less sure.
    """
    n, sd = 8, 0.5
    values = values_of(math.log(0.1) - distance, sd, n, logarithmic=True)
    observed = ObservedCell("one", n, n, {"train_loss": values})
    found = label_distributions(ByLoss(), [observed], [numbers(observed)], 20_000)[0]
    generator = np.random.default_rng(0)
    s = sd * np.sqrt((n - 1) / generator.chisquare(n - 1, 40_000))
    mu = math.log(0.1) - distance + s / math.sqrt(n) * generator.standard_normal(40_000)
    fresh = np.exp(mu[:, None] + s[:, None] * generator.standard_normal((40_000, n))).mean(1)
    expected = (fresh <= 0.1).mean()
    assert expected - 0.06 < found.probabilities["cold"] < expected + 0.02


def test_the_generator_is_keyed_by_the_cell() -> None:
    one, other = cell("one", cka=0.51), cell("other", cka=0.51)
    found = found_for(one, other)
    assert found == found_for(one, other)
    assert found[0].probabilities != found[1].probabilities
    assert found[::-1] == found_for(other, one)


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (cell(n=2), "2 of 5 runs converged, and it takes 3"),
        (cell(n=0), "0 of 5 runs converged"),
        (cell(pairs="first"), "mode_connectivity is known for 1 pair, and it takes 3"),
        (replace(cell(), metrics={}), "train_loss is missing"),
        (with_values(cell(), cka=Values((), (), "all")), "cka is missing"),
        (
            with_values(cell(), train_loss=Values((1.0, 2.0, math.inf), ((0,), (1,), (2,)))),
            "train_loss is not finite",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known(observed: ObservedCell, reason: str) -> None:
    known, unknown = found_for(cell("b"), observed)
    assert known.probability is not None
    assert (unknown.probability, unknown.second, unknown.words) == (None, None, "")
    assert unknown.reason is not None
    assert unknown.reason.startswith(reason)


def test_values_that_do_not_vary() -> None:
    flat = with_values(cell(), mode_connectivity=values_of(0.0, 0.0, 5, "ring"))
    found = found_for(flat, cell("b"))
    assert all(one.probability is not None and one.probability > 0.9 for one in found)


def test_a_shared_error_makes_less_sure() -> None:
    near = cell(cka=0.53)
    shared = with_values(near, cka=replace(near.metrics["cka"], shared_error=0.03))
    plain, doubtful = found_for(near)[0], found_for(shared)[0]
    assert plain.probability is not None
    assert doubtful.probability is not None
    # sd of the difference is at least 0.03 sqrt(2): P(CKA stays above 0.5) is at most 76%.
    assert doubtful.probability < 0.8 < plain.probability


def test_failing_runs_decide_between_nc_and_the_phase() -> None:
    found = found_for(cell(n=3), *(cell(f"b{i}", n=i % 4) for i in range(12)))[0]
    assert found.second == "NC"
    assert 0.05 < found.probabilities["NC"] < 0.7
    assert found.words.endswith("3 of 5 runs have converged")
    all_converge = found_for(*(cell(f"b{i}") for i in range(12)))[0]
    assert all_converge.probabilities["NC"] < 0.01


def test_the_posterior_of_failing_without_other_cells() -> None:
    """With even prior weights of its grids the mean lies between those of extreme Beta priors."""
    generator = np.random.default_rng(0)
    drawn = Survival([10], [5]).draw(0, 1000, 20_000, generator) / 1000
    assert drawn.mean() == pytest.approx(0.5, abs=0.1)
    assert (Survival([5] * 40, [5] * 40).draw(0, 5, 20_000, generator) == 5).mean() > 0.98


def test_spread_of_many_values_is_found() -> None:
    """All pairs of 10 runs in each of 30 cells: variance and share of the run effects."""
    generator = np.random.default_rng(0)
    members = members_of(10, "all")
    for share in (0.0, 0.2, 0.4):
        cells = []
        for _ in range(30):
            effects = math.sqrt(share) * generator.standard_normal(10)
            noise = math.sqrt(1 - 2 * share) * generator.standard_normal(len(members))
            cells.append(3 * np.array([effects[i] + effects[j] for i, j in members]) + 3 * noise)
        found = Spreads(cells, [members] * len(cells))
        assert np.mean([one.weights @ one.shares for one in found]) == pytest.approx(
            share, abs=0.06
        )
        assert np.mean([one.weights @ one.sds for one in found]) == pytest.approx(3, rel=0.15)


def test_an_outlying_run_is_found() -> None:
    values = [np.array([0.0, 0.1, -0.1, 0.05, 3.0])]
    values += [np.random.default_rng(i).normal(0, 0.1, 5) for i in range(19)]
    found = Spreads(values, [members_of(5, None)] * 20)[0]
    assert found.weights @ found.centres < 0.2  # the mean is 0.61
    assert found.weights @ found.sds < 1


@pytest.mark.parametrize("which", ["first", "ring", "all"])
@pytest.mark.parametrize("n", range(2, 7))
def test_fresh_runs_are_paired_as_runs_are(which: PairChoice, n: int) -> None:
    names = [str(run) for run in range(n)]
    expected = [(int(a), int(b)) for a, b in chosen_pairs(names, which)]
    assert list(members_of(n, which)) == expected


def test_correlations_of_run_effects() -> None:
    generator = np.random.default_rng(0)
    cells = []
    for i in range(40):
        runs = generator.standard_normal(6)
        members = members_of(6, None)
        alike = Values(tuple(runs + 0.1 * generator.standard_normal(6)), members)
        other = Values(tuple(generator.standard_normal(6)), members)
        cells.append(
            ObservedCell(str(i), 6, 6, {"x": Values(tuple(runs), members), "y": alike, "z": other})
        )
    found = run_correlations(cells, ["x", "y", "z"])
    assert found[0, 1] > 0.9
    assert abs(found[0, 2]) < 0.2
    assert np.linalg.eigvalsh(found).min() > 0


@pytest.mark.parametrize(
    "rule",
    [RULE, Yang2021(train_loss=None), Yang2021.model_validate({"hessian": {"metric": "trace"}})],
)
def test_many_labels_at_once(rule: Yang2021) -> None:
    generator = np.random.default_rng(0)
    scale = {
        "train_loss": 0.1,
        "top_eigenvalue": 150,
        "trace": 150,
        "mode_connectivity": 4,
        "cka": 1,
    }
    means = {name: scale[name] * generator.random(500) for name in rule.metrics}
    means["mode_connectivity"] -= 2
    for n_converged in (5, 3, 2):
        assert rule.labels(5, n_converged, means, {}) == Rule.labels(
            rule, 5, n_converged, means, {}
        )
    assert len(set(rule.labels(5, 5, means, {}))) == 5
    missing = {name: np.full(2, math.nan) for name in rule.metrics}
    assert rule.labels(5, 5, missing, {}) == ["unclassified"] * 2


@pytest.mark.parametrize(
    ("probability", "words"), [(1.0, "over 99%"), (0.0, "under 1%"), (0.714, "71%"), (0.99, "99%")]
)
def test_percent(probability: float, words: str) -> None:
    assert percent(probability) == words


# The full table is made by `python benchmarks/label_calibration.py`.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "n", "pairs"), [(0, 5, "ring"), (1, 5, "all"), (0, 3, "ring")]
)
def test_calibration(scenario: int, n: int, pairs: PairChoice) -> None:
    """Stated and observed frequencies in four wide bins, within five standard errors or 3 points."""
    found = list(simulate(SCENARIOS[scenario], n, pairs, 400))
    stated = np.array([p for p, _, _ in found]).ravel()
    came = np.array([np.arange(6) == fresh for _, _, fresh in found]).ravel()
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        inside = (stated >= low) & (stated < high)
        assert inside.sum() > 50
        error = math.sqrt(came[inside].mean() * (1 - came[inside].mean()) / inside.sum())
        gap = abs(came[inside].mean() - stated[inside].mean())
        assert gap < max(0.03, 3 * error), (low, high, gap)
