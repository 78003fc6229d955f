"""The error of a cell's mean due to shared draws: small cases, and coverage in simulations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.metrics.estimate import Estimate, error_of_mean
from landscape_catalog.metrics.hessian.result import HessianEstimate, hessian_estimates
from landscape_catalog.metrics.influences import influences_of_blocks, influences_of_mean

SIMULATIONS = 1000


def own(error: float) -> Estimate:
    return Estimate(1.0, error, "standard error")


def shared(error: float, *influences: float) -> Estimate:
    known = influences or None
    return Estimate(1.0, error, "standard error", shared_draw=True, influences=known)


@pytest.mark.parametrize(
    ("estimates", "total", "combination", "of_draws"),
    [
        ([own(3.0), own(4.0)], 2.5, "independent", 0.0),
        ([Estimate(1.0, 0.0, "exact"), Estimate(2.0, 0.0, "exact")], 0.0, "exact", 0.0),
        ([Estimate(1.0, 0.2, "bound"), Estimate(2.0, 0.4, "bound")], 0.3, "bound", 0.0),
        ([own(0.3), Estimate(2.0)], math.nan, "unknown", math.nan),
        ([shared(5.0, 3, 4)], 5.0, "joint", 5.0),
        ([shared(5.0, 3, 4), shared(5.0, 3, 4)], 5.0, "joint", 5.0),  # the same error twice
        ([shared(5.0, 3, 4), shared(5.0, -3, 4)], 4.0, "joint", 4.0),
        ([shared(5.0, 3, 4), shared(5.0, 4, -3)], math.sqrt(12.5), "joint", math.sqrt(12.5)),
        ([shared(5.0, 3, 4), shared(3.0, 3)], math.sqrt(13), "joint", math.sqrt(13)),  # one unit
        ([shared(13.0, 3, 4), shared(13.0, -3, -4)], 12.0, "joint", 12.0),  # 12 is unexplained
        ([shared(5.0), shared(3.0)], 4.0, "correlated", 4.0),  # an older record
        ([shared(5.0, 3, 4), shared(3.0)], 4.0, "correlated", 4.0),
        ([own(6.0), shared(8.0, 8)], 5.0, "joint", 4.0),
        ([shared(0.0), shared(0.0)], 0.0, "exact", 0.0),
    ],
)
def test_small_cases(
    estimates: list[Estimate], total: float, combination: str, of_draws: float
) -> None:
    found = error_of_cell_mean(estimates)
    assert found.combination == combination
    assert found.total == pytest.approx(total, nan_ok=True)
    assert found.shared == pytest.approx(of_draws, nan_ok=True)


def coverage(means: Any, errors: Any, degrees: int | None = None) -> float:
    """Share of the 95% intervals around the means that contain 0."""
    factor = 1.96 if degrees is None else student.ppf(0.975, degrees)
    return float((np.abs(np.asarray(means)) < factor * np.asarray(errors)).mean())


@pytest.mark.parametrize("n_pairs", [3, 10])
@pytest.mark.parametrize("common", [0.0, 0.5, 0.9])
def test_intervals_for_means_over_shared_samples(n_pairs: int, common: float) -> None:
    """Estimates are means over 50 samples, of which a part of the variance is common to all."""
    draw, n = np.random.default_rng(n_pairs), 50
    means, joint, quadrature, bound = [], [], [], []
    for _ in range(SIMULATIONS):
        values = math.sqrt(1 - common) * draw.normal(size=(n_pairs, n))
        values += math.sqrt(common) * draw.normal(size=n)
        estimates = [
            shared(error_of_mean(row), *(influences_of_mean(row) or ())) for row in values.tolist()
        ]
        errors = [estimate.error for estimate in estimates]
        found = error_of_cell_mean(estimates)
        assert found.n_units == n
        means.append(values.mean())
        joint.append(found.total)
        quadrature.append(math.hypot(*errors) / n_pairs)
        bound.append(error_of_cell_mean([shared(error) for error in errors]).total)
    assert 0.93 < coverage(means, joint, n - 1) < 0.97
    assert coverage(means, bound, n - 1) > 0.945
    assert np.mean(np.square(joint)) == pytest.approx(np.var(means), rel=0.15)
    if common >= 0.5:
        assert np.mean(np.square(quadrature)) < 0.6 * np.var(means)
        assert coverage(means, quadrature, n - 1) < 0.87


def on_batch(top: float, trace: float) -> HessianEstimate:
    return HessianEstimate(top, 1e-3, 20, True, trace, 1.0, 10, True)


@pytest.mark.parametrize("batches", [2, 3, 7])
def test_intervals_for_means_over_batches(batches: int) -> None:
    """Five runs on the same batches: how easy a batch is concerns all runs, the rest one only."""
    draw, runs = np.random.default_rng(batches), 5
    found: dict[str, list[tuple[float, float, float]]] = {"top_eigenvalue": [], "trace": []}
    for _ in range(SIMULATIONS):
        values = draw.normal(size=batches) + 0.5 * draw.normal(size=(runs, batches))
        of_runs = [
            dict(hessian_estimates([on_batch(value, 10 * value) for value in row]))
            for row in values.tolist()
        ]
        for name, numbers in found.items():
            estimates = [of_run[name] for of_run in of_runs]
            assert {(e.kind, e.n, e.n_unit) for e in estimates} == {
                ("standard error", batches, "batches")
            }
            error = error_of_cell_mean(estimates)
            assert error.combination == "joint"
            assert error.n_units == batches
            mean = float(np.mean([estimate.value for estimate in estimates]))
            quadrature = math.hypot(*(estimate.error for estimate in estimates)) / runs
            numbers.append((mean, error.total, quadrature))
    for numbers in found.values():
        means, joint, quadratures = zip(*numbers)
        assert 0.93 < coverage(means, joint, batches - 1) < 0.97
        assert np.mean(np.square(quadratures)) < 0.3 * np.var(means)
    tops, traces = found["top_eigenvalue"], found["trace"]
    assert traces[0][0] == pytest.approx(10 * tops[0][0])
    # The eigenvalue's error contains its bound: 0.001 in every run.
    assert tops[0][1] ** 2 == pytest.approx((traces[0][1] / 10) ** 2 + 1e-6)


def test_batches_that_have_not_converged_are_named() -> None:
    missing = HessianEstimate(
        math.nan, math.nan, 3, False, math.nan, math.nan, 0, False, 3, "not finite", "not finite"
    )
    short = HessianEstimate(2.0, 0.1, 9, False, 3.0, 1.0, 10, True)
    for other, status in ((missing, "missing"), (short, "not converged")):
        found = dict(hessian_estimates([on_batch(1.0, 1.0), other]))["top_eigenvalue"]
        assert found.status == status
        assert found.reason is not None
        assert found.reason.startswith("1 of 2 batches: ")
    assert dict(hessian_estimates([on_batch(1.0, 1.0), short]))["trace"].status == "ok"


@pytest.mark.parametrize("size", [1, 4, 25])
def test_blocks_of_dependent_samples(size: int) -> None:
    """Of 100 samples, blocks have a common effect as large as the samples' own."""
    draw, n = np.random.default_rng(size), 100
    means, errors = [], []
    for _ in range(SIMULATIONS):
        values = draw.normal(size=n) + np.repeat(draw.normal(size=n // size), size)
        influences = influences_of_blocks(influences_of_mean(values.tolist()), size)
        assert influences is not None
        means.append(values.mean())
        errors.append(math.hypot(*influences))
    assert 0.93 < coverage(means, errors, n // size - 1) < 0.97


def test_a_single_block_has_no_known_error() -> None:
    assert influences_of_blocks((0.1, -0.1), 2) is None
    assert influences_of_blocks(None, 1) is None
