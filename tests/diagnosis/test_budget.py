"""Curves are shortened to what a budget of time allows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from torch import Tensor, nn

from landscape_catalog.diagnosis import budget
from landscape_catalog.diagnosis.data import DiagnosedData
from landscape_catalog.diagnosis.landscape import DiagnosedLandscape
from landscape_catalog.diagnosis.measuring import measure
from landscape_catalog.diagnosis.method import changed, first_probe, fitted_to, paper_method
from landscape_catalog.diagnosis.progress import CurveProgress
from landscape_catalog.diagnosis.threads import threads_for
from landscape_catalog.metrics.connectivity.lengths import compared
from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.tasks import Classification
from tests.diagnosis.made import blobs, perceptron, trained

STEP, POINT = 0.1, 1.0  # seconds of an update, and of evaluating a point


@pytest.fixture
def landscape(monkeypatch: pytest.MonkeyPatch) -> DiagnosedLandscape:
    """Two networks, 90 samples in batches of 30: three updates in an epoch; a made-up speed."""
    both = blobs()
    data = DiagnosedData("blobs", both.train, both.test, 3, (), 90, 30, "", Classification())
    states = [trained(perceptron, both.train, seed) for seed in (0, 1)]
    method = changed(
        fitted_to(paper_method(), 90, (2,)), "connectivity", batch_size=30, max_epochs=200
    )
    monkeypatch.setattr(budget, "_timed", lambda *_: (STEP, POINT))
    return DiagnosedLandscape(lambda seed: perceptron(), states, data, method)


def seconds(lengths: list[int], per_epoch: int = 3, pairs: int = 1) -> float:
    return pairs * (sum(lengths) * per_epoch * STEP + len(lengths) * 5 * POINT)


@pytest.mark.parametrize(
    ("share", "expected"),
    [([25, 50, 100, 200], 200), ([25, 50, 100], 100), ([25, 50], 50)],
)
def test_the_longest_fits_are_left_out(
    share: list[int], expected: int, landscape: DiagnosedLandscape
) -> None:
    plan = budget.curve_plan(landscape, 1, seconds(share) / budget.CURVES_SHARE + 0.1)
    assert first_probe(plan.method, "connectivity").lengths() == share
    assert share[-1] == expected
    assert bool(plan.shortened) == (expected < 200)
    assert plan.seconds == pytest.approx(seconds(share))


def test_fewer_updates_than_two_fits_need(landscape: DiagnosedLandscape) -> None:
    given = 25.0
    plan = budget.curve_plan(landscape, 1, given)
    settings = first_probe(plan.method, "connectivity")
    assert settings.length_unit == "updates" and settings.check
    half, whole = settings.lengths()
    assert half == whole // 2
    assert (half + whole) * STEP + 10 * POINT <= given
    assert (half + whole + 3) * STEP + 10 * POINT > budget.CURVES_SHARE * given - STEP
    assert "of 600 updates per curve" in plan.shortened


def test_more_pairs_have_less_each(landscape: DiagnosedLandscape) -> None:
    one, three = (
        first_probe(budget.curve_plan(landscape, n, 40.0).method, "connectivity").lengths()[-1]
        for n in (1, 3)
    )
    assert three < one


def test_no_budget_and_none_that_suffices(landscape: DiagnosedLandscape) -> None:
    free = budget.curve_plan(landscape, 1, None)
    assert free.method == landscape.method and not free.shortened
    assert budget.curve_plan(landscape, 1, 1.0).too_little


def test_without_time_curves_are_missing(landscape: DiagnosedLandscape) -> None:
    times: Iterator[float] = iter(float(second) for second in range(10**6))
    found = measure(landscape, "all", minutes=0.01, clock=lambda: next(times))
    assert found.curves == {} and found.pairs == [(0, 1)]
    estimate = found.estimates["mode_connectivity"][0, 1]
    assert estimate.status == "missing" and "budget" in str(estimate.reason)
    assert len(found.usable("cka")) == 1
    assert found.remarks == ["Curves: the budget allows less than 10 updates per curve."]


def test_the_time_of_a_step_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that counts steps: an update takes one second, a fit five more."""
    both = blobs()
    data = DiagnosedData("blobs", both.train, both.test, 3, (), 90, 30, "", Classification())
    states = [trained(perceptron, both.train, seed) for seed in (0, 1)]
    landscape = DiagnosedLandscape(lambda seed: perceptron(), states, data, paper_method())
    now, first = [0.0], [100.0]  # seconds that a first fit takes longer

    def fitted(*args: object, **kwargs: object) -> None:
        now[0] += 5 + (first.pop() if first else 0) + args[4].updates  # type: ignore[attr-defined]

    def evaluated(*_: object) -> None:
        now[0] += 2

    monkeypatch.setattr(budget, "fit_curves", fitted)
    monkeypatch.setattr(budget, "evaluate", evaluated)
    settings = first_probe(landscape.method, "connectivity")
    step, point = budget._timed(landscape, settings, lambda: now[0])
    assert step == pytest.approx(1.0)
    assert point == pytest.approx(2 * (2 + 30 / 90))


def test_small_networks_are_fitted_side_by_side(landscape: DiagnosedLandscape) -> None:
    pairs = [(0, 1), (1, 2), (0, 2)]
    landscape.states = [*landscape.states, trained(perceptron, landscape.data.train, 2)]
    assert budget.side_by_side(landscape, pairs)
    assert not budget.side_by_side(landscape, pairs[:1])
    assert not budget.side_by_side(landscape, pairs * 3)  # too many weights at once
    landscape.method = changed(landscape.method, "connectivity", batch_size=10**9)
    assert not budget.side_by_side(landscape, pairs)  # a large step


def test_a_network_that_cannot_be_traced_is_fitted_alone(landscape: DiagnosedLandscape) -> None:
    class Branching(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if float(x.sum()) > 0 else 2 * x)

    traced = landscape.network(0)
    landscape.remembered.clear()
    landscape.build = lambda seed: Branching(*perceptron())
    assert budget.side_by_side(landscape, [(0, 1), (1, 0)]) is False
    assert traced is not landscape.network(0)


@pytest.mark.parametrize(("width", "batch", "threads"), [(8, 90, 1), (100_000, 90, 6)])
def test_threads_are_for_large_operations(width: int, batch: int, threads: int) -> None:
    """An operation of the wider one has 90 * (2 + 3) * 100,000 / 2 multiply-adds."""
    samples = blobs().train
    network = perceptron(width)
    assert threads_for(network, samples, Classification(), batch, 6) == threads
    assert threads_for(network, samples, Classification(), batch, 1) == 1


def found_curve(mc: float) -> ModeConnectivity:
    return ModeConnectivity(mc, 0.5, mc, 0.0, -mc, 0.0, unit="%")


def test_progress_says_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """Two curves of 25, 50 and 100 epochs at a second an epoch; the second converges at 50."""
    settings = ConnectivitySettings(epochs="auto", max_epochs=100)
    progress = CurveProgress(settings, 2, 1.0)

    def fit(place: int, mc: float, shorter: float | None) -> None:
        result = found_curve(mc)
        before = None if shorter is None else found_curve(shorter)
        found = compared(result, settings, place, before)
        progress.fitted(("measured", "id", place), found, float(settings.lengths()[place]))

    with caplog.at_level("INFO"):
        progress.start((0, 1))
        fit(0, -9.0, None)
        fit(1, -5.0, -9.0)
        fit(2, -3.0, -5.0)
        progress.start((0, 2))
        fit(0, -3.0, None)
        fit(1, -3.1, -3.0)
        progress.fitted(("network", 0), None, 1.0)
    assert [record.message for record in caplog.records] == [
        "curve 1 of 2 (checkpoints 1 and 2): at most about 5 min 50 s left for all curves",
        "curve 1 of 2: mode connectivity -9 after 25 epochs (25 s); next 50, at most about "
        "5 min 25 s left",
        "curve 1 of 2: mode connectivity -5 after 50 epochs (50 s); next 100, at most about "
        "4 min 35 s left",
        "curve 1 of 2: mode connectivity -3 after 100 epochs (1 min 40 s), done",
        "curve 2 of 2 (checkpoints 1 and 3): at most about 2 min 55 s left for all curves",
        "curve 2 of 2: mode connectivity -3 after 25 epochs (25 s); next 50, at most about "
        "2 min 30 s left",
        "curve 2 of 2: mode connectivity -3.1 after 50 epochs (50 s), done",
    ]
