"""CKA against its definition; its invariances, results for bad input, and errors."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from landscape_catalog.metrics.numerics.cka import cka_estimates, debiased_cka, linear_cka
from landscape_catalog.metrics.numerics.hsic import centre_features
from landscape_catalog.metrics.numerics.similarity import similarity
from tests.metrics.test_hsic import alike, dense_biased, dense_debiased, normal

CONSTANT = "the outputs of a network are constant"
NAN = pytest.approx(math.nan, nan_ok=True)


def by_definition(x: Tensor, y: Tensor) -> float:
    """Eq. 3 literally, with m x m matrices."""
    return dense_biased(x, y) / math.sqrt(dense_biased(x, x) * dense_biased(y, y))


def debiased_by_definition(x: Tensor, y: Tensor) -> float:
    return dense_debiased(x, y) / math.sqrt(dense_debiased(x, x) * dense_debiased(y, y))


@pytest.mark.parametrize(
    ("d", "other_d"),
    [(4, 3), (19, 20), (20, 20), (20, 21), (21, 21), (3, 90), (90, 3), (50, 90)],
)
def test_both_forms_agree_with_the_definition(d: int, other_d: int) -> None:
    """Computed from covariances of features, or from Gram matrices for more than 20 features."""
    x, y = alike(20, d, other_d)
    for found, expected in (
        (linear_cka, by_definition(x, y)),
        (debiased_cka, debiased_by_definition(x, y)),
    ):
        assert found(x, y) == pytest.approx(expected, rel=1e-9)
        assert found(y, x) == pytest.approx(expected, rel=1e-9)
        # Constant features change the form that is used, but not the number.
        wide = torch.cat([y, torch.full((20, 40), 7.0, dtype=torch.float64)], 1)
        assert found(x, wide) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(
    n=st.integers(8, 40),
    d=st.integers(2, 50),
    other_d=st.integers(2, 50),
    seed=st.integers(0, 999),
    scale=st.sampled_from([1e-120, 1e-9, -3.0, 1e9, 1e120]),
    shift=st.sampled_from([0.0, -1.0, 100.0]),
)
def test_invariances(n: int, d: int, other_d: int, seed: int, scale: float, shift: float) -> None:
    """Orthogonal maps, scaling, shifts and the order of samples and networks change nothing."""
    x, y = alike(n, d, other_d, seed)
    rotation, _ = torch.linalg.qr(normal(d, d, seed + 2))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    for found, lowest in ((linear_cka, 0), (debiased_cka, -1)):
        value = found(x, y)
        assert lowest <= value <= 1 + 1e-12
        assert found(x, x) == pytest.approx(1, abs=1e-9)
        assert found(x, x @ rotation) == pytest.approx(1, abs=1e-9)
        assert found(y, x) == pytest.approx(value, abs=1e-9)
        assert found(x @ rotation, y) == pytest.approx(value, abs=1e-9)
        assert found(x, scale * (y + shift)) == pytest.approx(value, abs=1e-8)
        assert found(x[order], y[order]) == pytest.approx(value, abs=1e-9)


def test_debiased_cka_of_independent_features_is_zero() -> None:
    """The biased form is about d / (n - 1 + d): 0.2 at n = 32, 0.03 at n = 256 for d = 8."""
    for n, draws, biased in ((32, 400, 0.2), (256, 100, 0.03)):
        found = [
            similarity(normal(n, 8, seed), normal(n, 8, seed + 10_000)) for seed in range(draws)
        ]
        mean = sum(each.cka for each in found) / draws
        assert mean == pytest.approx(biased, abs=0.01)
        debiased = torch.tensor([each.debiased for each in found], dtype=torch.float64)
        assert abs(float(debiased.mean())) < 4 * float(debiased.std()) / draws**0.5
        assert float(debiased.min()) < 0 < float(debiased.max())


@pytest.mark.parametrize(("n", "d"), [(12, 3), (12, 30)])
def test_the_error_is_the_jackknife(n: int, d: int) -> None:
    """Against estimates on the remaining rows, leaving one row out at a time."""
    x, y = alike(n, d, d)
    rows = torch.arange(n)
    for estimate, of in zip(
        cka_estimates(centre_features(x), centre_features(y)), (linear_cka, debiased_cka)
    ):
        left = torch.tensor([of(x[rows != i], y[rows != i]) for i in range(n)], dtype=torch.float64)
        expected = math.sqrt((n - 1) / n * float((left - left.mean()).square().sum()))
        assert estimate.value == of(x, y)
        assert estimate.error == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("n", "d", "population"), [(64, 5, 0.0), (64, 5, 0.3), (40, 80, 0.5)])
def test_coverage(n: int, d: int, population: float) -> None:
    """Of 300 intervals of 1.96 standard errors, 93% cover the true value.

    More settings are simulated in benchmarks/coverage_cka.py.

    y = r x + sqrt(1 - r^2) e with identity covariances: CKA of the population is r^2.
    """
    r = population**0.5
    draws = []
    for seed in range(300):
        x = normal(n, d, seed)
        y = r * x + (1 - r * r) ** 0.5 * normal(n, d, seed + 5000)
        draws.append(similarity(x, y))
    expectation = sum(each.cka for each in draws) / len(draws)
    held = [abs(each.cka - expectation) < 1.96 * each.standard_error for each in draws]
    assert sum(held) / len(held) >= 0.93
    held = [abs(each.debiased - population) < 1.96 * each.debiased_standard_error for each in draws]
    assert sum(held) / len(held) >= 0.93


def test_constant_outputs_have_no_cka() -> None:
    # The mean of 30 equal numbers need not be that number.
    row = normal(1, 3).softmax(1).expand(30, 3)
    assert not torch.equal(row.mean(0), row[0]), "this test needs other rows"
    ones = torch.ones(30, 3, dtype=torch.float64)
    for one, other in ((row, normal(30, 3)), (normal(30, 40), row), (row, row), (ones, row)):
        found = similarity(one, other)
        assert found.reason == CONSTANT
        assert [found.cka, found.standard_error] == [NAN, NAN]
        assert [found.debiased, found.debiased_standard_error] == [NAN, NAN]
        assert math.isnan(linear_cka(one, other))
        assert math.isnan(debiased_cka(one, other))


@pytest.mark.parametrize("d", [3, 90])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_constant_up_to_rounding(d: int, size: float) -> None:
    """Variation by a few units in the last place of the precision of the computation."""
    row = normal(1, d).abs() + 1
    for dtype in (torch.float32, torch.float64):
        eps = torch.finfo(dtype).eps
        steps = (2 * normal(30, d, 3)).round().clamp(-3, 3)
        noisy = (size * (row * (1 + steps * eps))).to(dtype)
        assert len(noisy.unique(dim=0)) > 1, "this test needs other rows"
        found = similarity(noisy.double(), normal(30, d))
        assert found.reason == "the outputs of a network are constant up to rounding"
        assert math.isnan(found.cka)
        # Variation well above rounding errors is measured.
        signal = (size * (row * (1 + 1000 * steps * eps))).to(dtype)
        assert similarity(signal.double(), row * steps).cka == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_outputs_that_are_not_finite(bad: float) -> None:
    broken = normal(30, 3)
    broken[4, 1] = bad
    constant = torch.ones(30, 3, dtype=torch.float64)
    for one, other in ((broken, normal(30, 3)), (normal(30, 40), broken), (constant, broken)):
        found = similarity(one, other)
        assert found.reason == "outputs are not finite"
        assert [found.cka, found.debiased] == [NAN, NAN]


def test_sample_counts_that_differ() -> None:
    for of in (linear_cka, debiased_cka, similarity):
        with pytest.raises(ValueError, match="30 samples on one side, 20"):
            of(normal(30, 4), normal(20, 4))
    with pytest.raises(ValueError, match="30 samples on one side, 20"):
        similarity(torch.ones(30, 4), normal(20, 4))


def test_few_samples() -> None:
    assert similarity(normal(1, 3), normal(1, 3, 1)).reason == CONSTANT
    for n in (2, 3):
        found = similarity(normal(n, 3), normal(n, 3, 1))
        assert found.cka == pytest.approx(by_definition(normal(n, 3), normal(n, 3, 1)))
        assert [found.debiased, found.debiased_standard_error] == [NAN, NAN]
        assert found.reason is not None
        assert math.isnan(found.standard_error) == (n == 2)  # a single sample left is not enough
    assert found.reason == "debiased CKA needs 4 samples, there are 3"
    found = similarity(normal(4, 3), normal(4, 3, 1))
    assert math.isfinite(found.standard_error)
    by_hand = debiased_by_definition(normal(4, 3), normal(4, 3, 1))
    assert found.debiased == pytest.approx(by_hand)
    assert found.debiased_standard_error == NAN
    assert found.reason == "the error of debiased CKA needs 5 samples, there are 4"
    assert similarity(normal(5, 3), normal(5, 3, 1)).reason is None


@pytest.mark.parametrize("d", [3, 90])
def test_outputs_that_vary_in_one_or_two_samples_only(d: int) -> None:
    """Without these samples only rounding errors are left, so the estimates are NaN."""
    nearly_constant = torch.ones(30, d, dtype=torch.float64) / 3
    nearly_constant[7] += normal(1, d)[0]
    found = similarity(nearly_constant, normal(30, d, 1))
    assert 0 < found.cka < 1
    assert [found.standard_error, found.debiased, found.debiased_standard_error] == [NAN, NAN, NAN]
    assert found.reason is not None
    assert found.reason.endswith("the outputs of a network are constant but for one sample")
    assert math.isnan(debiased_cka(nearly_constant, normal(30, d, 1)))
    nearly_constant[9] += normal(1, d, 2)[0]
    found = similarity(nearly_constant, normal(30, d, 1))
    assert math.isfinite(found.standard_error)
    assert found.debiased is not None
    assert math.isfinite(found.debiased)
    assert found.debiased_standard_error == NAN
    assert found.reason is not None
    assert found.reason.endswith("differ in two samples only")
