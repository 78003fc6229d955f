"""Fits of growing length and checked fits, against loops of fits of fixed length."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from landscape_catalog.metrics.connectivity import compute as module
from landscape_catalog.metrics.connectivity import settings as lengths
from landscape_catalog.metrics.connectivity.compute import compute
from landscape_catalog.metrics.connectivity.result import (
    CurvePoint,
    ModeConnectivity,
    all_converged,
)
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.connectivity.spec import ConnectivityMetric
from landscape_catalog.metrics.numerics.curves.connectivity import connectivity_of_points
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.tasks import Classification, Samples
from tests.metrics.networks import images, make

METRIC = ConnectivityMetric()
SEEDS = {"curve fit": 3, "curve statistics": 5}


class ByLoss(Classification):
    """Classification whose mode connectivity is computed from the loss, which has no lattice."""

    connectivity_by = "loss"
    connectivity_unit = "nats"


TASK = ByLoss((0.5,), (0.25,))


@dataclass
class Pair:
    """The context of a pair of networks in memory, as in a job on several pairs."""

    settings: ConnectivitySettings
    states: tuple[dict[str, Tensor], dict[str, Tensor]]
    job: Job
    run_ids: tuple[str, str]
    snapshot: str = "best_train_loss"
    is_custom: bool = False
    statistics: None = None
    task: Classification = TASK

    @property
    def id(self) -> str:
        return "-".join(self.run_ids)

    @property
    def group(self) -> list[Pair]:
        return self.job.pairs

    @property
    def is_grouped(self) -> bool:
        return self.job.is_grouped

    @property
    def train(self) -> Samples:
        return self.job.data

    test = train

    def network(self) -> nn.Module:
        return self.job.network

    def state(self, which: int) -> dict[str, Tensor]:
        return self.states[which]

    def seed(self, purpose: str) -> int:
        return SEEDS[purpose]

    def remember(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self.job.remembered:
            self.job.remembered[key] = make()
        return self.job.remembered[key]

    def recall_endpoint(self, key: tuple[Any, ...]) -> Any | None:
        return self.job.endpoints.get(key)

    def store_endpoint(self, key: tuple[Any, ...], value: Any) -> None:
        self.job.endpoints[key] = value


@dataclass
class Job:
    """What the pairs of a job share."""

    network: nn.Module
    data: Samples
    is_grouped: bool
    pairs: list[Pair] = field(default_factory=list)
    remembered: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    endpoints: dict[tuple[Any, ...], Any] = field(default_factory=dict)


def settings_of(**changes: Any) -> ConnectivitySettings:
    common: dict[str, Any] = {"batch_size": 8, "lr": 0.05, "max_epochs": 50, "epochs": "auto"}
    return ConnectivitySettings(**common | changes)


def job_of(settings: ConnectivitySettings, runs: Sequence[int], *, grouped: bool = True) -> Job:
    """A job on the pairs of successive runs, which are untrained networks by their seeds."""
    networks = {run: make("traceable", run)[0] for run in runs}
    job = Job(networks[runs[0]], images(), grouped)
    for one, other in itertools.pairwise(runs):
        states = (networks[one].state_dict(), networks[other].state_dict())
        job.pairs.append(Pair(settings, states, job, (str(one), str(other))))
    return job


def by_hand(pair: Pair, unit: str, length: int) -> ModeConnectivity:
    """One fit of fixed length, of this pair alone."""
    settings = pair.settings
    recipe = CurveRecipe(lr=settings.lr, batch_size=settings.batch_size)
    recipe = replace(recipe, **{unit: length})  # type: ignore[arg-type]
    (curve,) = fit_curves(
        pair.network(), [pair.states], pair.train, TASK, recipe,
        seed=SEEDS["curve fit"], together=pair.is_grouped,
    )  # fmt: skip
    points = curve_points(
        pair.network(), curve, pair.train, pair.test, TASK,
        points=settings.points, batch_size=settings.batch_size, seed=SEEDS["curve statistics"],
    )  # fmt: skip
    return connectivity_of_points(points, TASK)


def without_lengths(found: ModeConnectivity) -> dict[str, Any]:
    """The numbers of the curve, without the record of how long it was fitted."""
    lengths = ("fit_length", "length_unit", "shorter_length", "shorter_mode_connectivity")
    return {k: v for k, v in asdict(found).items() if k not in (*lengths, "convergence")}


@pytest.fixture
def short_fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths from 2 epochs to 32, instead of 25 to 50."""
    monkeypatch.setattr(lengths, "SHORTEST_FIT", 2)
    return [2, 4, 8, 16, 32]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("convergence", "grouped", "expected"),
    [
        (1e-9, True, [32, 32, 32, 32]),
        (0.2, True, [4, 32, 4, 4]),  # a single pair goes on
        (0.4, True, [4, 4, 4, 4]),
        (1e-9, False, [32]),
        (0.2, False, [4]),
    ],
)
def test_automatic_lengths_equal_a_loop_of_whole_fits(
    short_fits: list[int], convergence: float, grouped: bool, expected: list[int]
) -> None:
    """Bit for bit, whatever other pairs are in the job and however long they are fitted."""
    settings = settings_of(convergence=convergence)
    job = job_of(settings, range(len(expected) + 1), grouped=grouped)
    ends = []
    for pair in job.pairs:
        fits = [by_hand(pair, "epochs", length) for length in short_fits]
        changes = [
            abs(one.mode_connectivity - other.mode_connectivity)
            for one, other in itertools.pairwise(fits)
        ]
        last = next((i for i, change in enumerate(changes, 1) if change < convergence), 4)
        found = compute(pair)
        assert without_lengths(found) == without_lengths(fits[last])
        assert (found.fit_length, found.length_unit) == (short_fits[last], "epochs")
        assert found.shorter_length == short_fits[last - 1]
        assert found.shorter_mode_connectivity == fits[last - 1].mode_connectivity
        assert found.converged == (changes[last - 1] < convergence)
        ends.append(short_fits[last])
    assert ends == expected, "the cases should cover short and long fits"


def test_a_curve_that_keeps_changing_says_so(short_fits: list[int]) -> None:
    settings = settings_of(convergence=1e-9)
    (pair,) = job_of(settings, [0, 1]).pairs
    found = compute(pair)
    longest, half = by_hand(pair, "epochs", 32), by_hand(pair, "epochs", 16)
    change = abs(longest.mode_connectivity - half.mode_connectivity)
    assert change > 1e-3
    estimates = dict(METRIC.estimates([found]))
    assert {estimate.status for estimate in estimates.values()} == {"not converged"}
    assert estimates["mode_connectivity"].reason == (
        f"mc {half.mode_connectivity:.4g} with 16 epochs, {longest.mode_connectivity:.4g} with 32: "
        f"they differ by {change:.2g}, not by less than 1e-09"
    )


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("unit", ["epochs", "updates"])
def test_a_checked_curve_is_the_unchecked_one(unit: str, grouped: bool) -> None:
    fixed: dict[str, Any] = {"epochs": 50} | {unit: 7}
    settings = settings_of(**fixed, check=True)
    checked = job_of(settings, range(4), grouped=grouped)
    plain = job_of(settings_of(**fixed), range(4), grouped=grouped)
    checked.pairs, plain.pairs = (
        job.pairs if grouped else job.pairs[:1] for job in (checked, plain)
    )
    for pair, other in zip(checked.pairs, plain.pairs, strict=True):
        found, unchecked = compute(pair), compute(other)
        assert without_lengths(found) == without_lengths(unchecked)
        assert without_lengths(found) == without_lengths(by_hand(pair, unit, 7))
        assert (found.fit_length, found.length_unit, found.shorter_length) == (7, unit, 3)
        half = by_hand(pair, unit, 3).mode_connectivity
        assert found.shorter_mode_connectivity == half
        assert found.converged == (abs(found.mode_connectivity - half) < 0.5)
        assert unchecked.converged is None
        assert dict(METRIC.estimates([unchecked]))["mode_connectivity"].status == "ok"


def test_a_fit_that_diverges_is_not_made_longer(short_fits: list[int]) -> None:
    """Its error is missing; the other pairs of the group go on."""
    job = job_of(settings_of(convergence=1e-9), range(4))
    expected = compute(job_of(settings_of(convergence=1e-9), range(4)).pairs[0])
    first_weights = next(iter(job.pairs[2].states[1].values()))
    first_weights.view(-1)[0] = math.nan
    diverged = compute(job.pairs[2])
    assert (diverged.fit_length, diverged.shorter_length, diverged.converged) == (2, None, False)
    (estimate, *_) = [estimate for _, estimate in METRIC.estimates([diverged])]
    assert (estimate.status, estimate.reason) == (
        "missing",
        "the loss along the curve is not finite (NaN)",
    )
    assert compute(job.pairs[0]) == expected
    assert expected.fit_length == 32


def test_a_pair_that_fails_takes_no_other_along(
    short_fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(settings_of(convergence=1e-9), range(4))
    expected = compute(job_of(settings_of(convergence=1e-9), range(4)).pairs[0])
    evaluate = module.curve_points

    def failing(network: nn.Module, curve: Any, *data: Any, **options: Any) -> list[CurvePoint]:
        if torch.equal(curve.at(1.0)["one.weight"], job.pairs[1].states[1]["one.weight"]):
            raise RuntimeError("this curve cannot be evaluated")
        return evaluate(network, curve, *data, **options)

    monkeypatch.setattr(module, "curve_points", failing)
    assert compute(job.pairs[0]) == expected
    with pytest.raises(RuntimeError, match="cannot be evaluated"):
        compute(job.pairs[1])
    assert compute(job.pairs[2]).fit_length == 32


def test_each_run_is_evaluated_once(short_fits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoints of a curve are those of its shorter fits and of its neighbours' curves."""
    known: list[int] = []
    evaluate = module.curve_points

    def counting(*data: Any, **options: Any) -> list[CurvePoint]:
        known.append(len(options["known"]))
        return evaluate(*data, **options)

    monkeypatch.setattr(module, "curve_points", counting)
    job = job_of(settings_of(convergence=1e-9), range(3))
    for pair in job.pairs:
        compute(pair)
    assert sorted(known) == [0, 1] + [2] * 8


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epochs": 50}, [50]),
        ({"epochs": 50, "check": True}, [25, 50]),
        ({"epochs": 51, "check": True}, [25, 51]),
        ({"updates": 19_500}, [19_500]),
        ({"updates": 19_500, "check": True}, [9750, 19_500]),
        ({"epochs": "auto"}, [25, 50, 100, 200, 400]),
        ({"epochs": "auto", "check": True}, [25, 50, 100, 200, 400]),
        ({"epochs": "auto", "max_epochs": 399}, [25, 50, 100, 200]),
        ({"epochs": "auto", "max_epochs": 50}, [25, 50]),
        ({"epochs": "auto", "max_epochs": 1000}, [25, 50, 100, 200, 400, 800]),
    ],
    ids=str,
)
def test_lengths(settings: dict[str, Any], expected: list[int]) -> None:
    assert ConnectivitySettings(**settings).lengths() == expected


# mc, mc of the shorter fit, convergence, and whether the fit has converged.
VERDICTS: list[tuple[float, float | None, float | None, bool | None]] = [
    (-3.1, -6.0, 0.5, False),
    (-6.0, -3.1, 0.5, False),
    (-3.1, -3.2, 0.5, True),
    (0.2, -0.2, 0.5, True),  # the sign may differ
    (0.3, -0.3, 0.5, False),
    (0.0, 0.0, 0.5, True),
    (1.0, 0.5, 0.5, False),  # less, not at most
    (0.1 + 0.7, 0.3, 0.5, False),  # 0.4999... in floating point
    (-3.1, None, None, None),
    (-3.1, None, 0.5, None),
    (math.nan, None, None, False),
    (math.nan, 1.0, 0.5, False),
    (1.0, math.nan, 0.5, False),
]


def result(
    mc: float, shorter: float | None = None, convergence: float | None = None, length: int = 400
) -> ModeConnectivity:
    plain = ModeConnectivity(mc, 0.5, min(mc, 0.0), max(mc, 0.0), 9.0, 5.0, unit="%")
    if shorter is not None:
        plain = replace(
            plain, shorter_length=length // 2, shorter_mode_connectivity=shorter, fit_length=length
        )
    return replace(plain, convergence=convergence)


@pytest.mark.parametrize(("mc", "shorter", "convergence", "expected"), VERDICTS)
def test_when_a_fit_has_converged(
    mc: float, shorter: float | None, convergence: float | None, expected: bool | None
) -> None:
    found = result(mc, shorter, convergence)
    assert found.converged is expected
    has_numbers = expected is False and shorter is not None
    assert (found.not_converged_reason is not None) == has_numbers


def test_the_reason_holds_the_numbers() -> None:
    assert result(-3.1, -6.0, 0.5).not_converged_reason == (
        "mc -6 with 200 epochs, -3.1 with 400: they differ by 2.9, not by less than 0.5"
    )


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        ([True], True),
        ([None], None),
        ([False], False),
        ([True, True], True),
        ([True, None], None),
        ([None, False, True], False),
    ],
)
def test_repeats_have_converged_if_each_has(fits: list[bool | None], expected: bool | None) -> None:
    shorter = {True: 1.0, False: 9.0, None: None}
    results = [result(1.0, shorter[fit], 0.5) for fit in fits]
    assert all_converged(results) is expected
    assert METRIC.pair_row(results)["fits_converged"] is expected
    rows = METRIC.rows("primary", results)["curves"]
    assert [row["converged"] for row in rows] == fits
    status = "not converged" if expected is False else "ok"
    estimates = dict(METRIC.estimates(results))
    assert {estimate.status for estimate in estimates.values()} == {status}
    failed = fits.count(False)
    begins = f"{failed} of {len(fits)} fits: mc 9 with 200" if len(fits) > 1 else "mc 9 with 200"
    assert (estimates["mode_connectivity"].reason or begins).startswith(begins)


def test_a_checked_record_is_judged_by_the_settings() -> None:
    """Another `convergence` changes the verdict of a stored fit, which is not made again."""
    stored = result(1.0, 1.3, 0.5, length=50)
    checked = ConnectivitySettings(check=True)
    strict = ConnectivitySettings(check=True, convergence=0.2)
    assert METRIC.content(strict) == METRIC.content(checked)
    assert METRIC.judged(stored, checked).converged is True
    assert METRIC.judged(stored, strict).converged is False


def test_what_ids_contain() -> None:
    """Only what changes the numbers: all other settings are those of the first version."""
    first = {
        "init": "linear", "epochs": 50, "lr": 0.01, "batch_size": 128, "momentum": 0.9,
        "weight_decay": 5e-4, "points": 5,
    }  # fmt: skip
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"convergence": 0.1, "max_epochs": 100}, {}),
        ({"check": True, "convergence": 0.1}, {"check": True}),
        ({"epochs": "auto"}, {"epochs": "auto"}),
        ({"epochs": "auto", "check": True}, {"epochs": "auto"}),
        (
            {"epochs": "auto", "convergence": 0.1, "max_epochs": 100},
            {"epochs": "auto", "convergence": 0.1, "max_epochs": 100},
        ),
    ]
    for settings, added in cases:
        assert ConnectivitySettings(**settings).content() == first | added
    assert not {"convergence", "max_epochs", "check"} & set(ConnectivitySettings().stored())


OLD_RECORD = """\
{"mode_connectivity": -9.0, "t": 0.5, "lowest": -9.0, "highest": 0.0, "peak_error": 12.0,
 "area": 7.5, "unit": "%", "quantity": "error", "points": [], "metric": "connectivity"}
"""


@pytest.mark.parametrize(
    ("settings", "length", "unit"),
    [
        ({"epochs": 20}, 20, "epochs"),
        ({"epochs": 20, "updates": 300}, 300, "updates"),
    ],
)
def test_records_without_lengths_are_unknown(
    settings: dict[str, Any], length: int, unit: str
) -> None:
    """Their length is that of the settings that their ids are hashes of."""
    adapter: TypeAdapter[ModeConnectivity] = TypeAdapter(ModeConnectivity)
    stored = adapter.validate_json(OLD_RECORD)
    found = METRIC.judged(stored, ConnectivitySettings(**settings))
    assert (found.fit_length, found.length_unit, found.converged) == (length, unit, None)
    (row,) = METRIC.rows("primary", [found])["curves"]
    assert (row["fit_length"], row["shorter_length"], row["converged"]) == (length, None, None)
    assert without_lengths(found) == without_lengths(stored)


@pytest.mark.parametrize(
    "found", [result(-3.1, -6.0, 0.5), result(1.0), result(1.0, math.nan, 1.0)]
)
def test_a_record_reads_back(found: ModeConnectivity) -> None:
    adapter: TypeAdapter[ModeConnectivity] = TypeAdapter(ModeConnectivity)
    again = adapter.validate_json(adapter.dump_json(found))
    assert str(again) == str(found)  # as text, in which NaN equals NaN


def test_cost() -> None:
    """In steps of 1,000 samples in batches of 100, with five points."""

    def steps(**settings: Any) -> int:
        return METRIC.cost(ConnectivitySettings(batch_size=100, **settings), 1000).steps

    assert steps(epochs=50) == 500 + 50
    assert steps(epochs=50, check=True) == 750 + 100
    assert steps(updates=300) == 300 + 50
    assert steps(updates=300, check=True) == 450 + 100
    assert steps(epochs="auto") == 250 + 500 + 1000 + 150
    assert steps(epochs="auto", max_epochs=50) == 250 + 500 + 100
    assert METRIC.work_kind(ConnectivitySettings(epochs="auto")) != METRIC.work_kind(
        ConnectivitySettings()
    )
