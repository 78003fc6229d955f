"""Both HSIC estimators against dense matrices, sums over tuples, and explicit leave-one-out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from landscape_catalog.metrics.numerics.hsic import CentredMatrix, Hsic, centre_features, hsic

SHAPES = [(8, 2, 3), (20, 19, 20), (20, 20, 20), (20, 20, 21), (20, 90, 3), (20, 50, 90)]


def normal(m: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(m, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def alike(m: int, d: int, other_d: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    x, y = normal(m, d, seed) + 2, normal(m, other_d, seed + 1)
    y[:, :2] += x[:, :2]
    return x, y


def dense_biased(x: Tensor, y: Tensor) -> float:
    """tr(KHLH)."""
    centring = torch.eye(len(x), dtype=torch.float64) - 1 / len(x)
    return float((x @ x.T @ centring @ y @ y.T @ centring).trace())


def dense_debiased(x: Tensor, y: Tensor) -> float:
    """n(n-3) HSIC_u of Song et al. 2012, Eq. 5, with n x n matrices."""
    n = len(x)
    k, other = (z @ z.T for z in (x, y))
    k, other = (matrix - matrix.diag().diag() for matrix in (k, other))
    sums = float(k.sum() * other.sum()) / ((n - 1) * (n - 2))
    return float((k @ other).trace() + sums - 2 / (n - 2) * (k @ other).sum())


def of(x: Tensor, y: Tensor) -> Hsic:
    one, other = centre_features(x).matrix, centre_features(y).matrix
    assert one is not None
    assert other is not None
    return hsic(one, other)


def power(x: Tensor) -> float:
    """The power of two by which features are scaled, squared."""
    return 2.0 ** (-2 * math.frexp(float(x.abs().max()))[1])


@pytest.mark.parametrize(("n", "d", "other_d"), SHAPES)
def test_both_agree_with_the_dense_formulas(n: int, d: int, other_d: int) -> None:
    x, y = alike(n, d, other_d)
    found, scale = of(x, y), power(x) * power(y)
    assert found.biased == pytest.approx(scale * dense_biased(x, y), rel=1e-10)
    assert found.debiased == pytest.approx(scale * dense_debiased(x, y), rel=1e-9)


def test_the_unbiased_estimator_is_the_mean_over_distinct_samples() -> None:
    """The U-statistic itself: k_ij (l_ij + l_qr - 2 l_iq) over all ordered i, j, q, r."""
    x, y = alike(6, 3, 2)
    k, other = x @ x.T, y @ y.T
    terms = [
        float(k[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q]))
        for i, j, q, r in itertools.permutations(range(6), 4)
    ]
    expected = 6 * 3 * sum(terms) / len(terms)
    assert dense_debiased(x, y) == pytest.approx(expected, rel=1e-10)
    assert of(x, y).debiased == pytest.approx(power(x) * power(y) * expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d", "other_d"), SHAPES)
def test_leave_one_out(n: int, d: int, other_d: int) -> None:
    """The closed forms against the same estimators on the remaining rows."""
    x, y = alike(n, d, other_d)
    found, scale = of(x, y), power(x) * power(y)
    rows = torch.arange(n)
    left = [(x[rows != i], y[rows != i]) for i in range(n)]
    biased = scale * torch.tensor([dense_biased(*pair) for pair in left], dtype=torch.float64)
    debiased = scale * torch.tensor([dense_debiased(*pair) for pair in left], dtype=torch.float64)
    torch.testing.assert_close(found.biased_without, biased, rtol=1e-9, atol=0)
    size = float(biased.mean())
    torch.testing.assert_close(found.debiased_without, debiased, rtol=1e-9, atol=1e-12 * size)


def test_the_form_depends_on_the_shape() -> None:
    for n, d, gram in ((20, 3, False), (20, 20, False), (20, 21, True)):
        centred = centre_features(normal(n, d)).matrix
        assert centred is not None
        assert (centred.gram is not None) is gram
        assert (centred.rows is None) is gram


@settings(deadline=None)
@given(
    n=st.integers(5, 30), d=st.integers(1, 40), other_d=st.integers(1, 40), seed=st.integers(0, 999)
)
def test_gram_form_equals_covariance_form(n: int, d: int, other_d: int, seed: int) -> None:
    rows = [z - z.mean(0) for z in (normal(n, d, seed), normal(n, other_d, seed + 1000))]
    thin = [CentredMatrix(z, None, z.square().sum(1)) for z in rows]
    wide = [CentredMatrix(None, z @ z.T, z.square().sum(1)) for z in rows]
    expected = hsic(*thin)
    own = [hsic(z, z).biased for z in thin]
    tiny = 1e-12 * math.sqrt(own[0] * own[1])  # rounding error of sums whose terms cancel
    for pair in ((wide[0], wide[1]), (thin[0], wide[1]), (wide[0], thin[1])):
        found = hsic(*pair)
        for name in ("biased", "debiased", "biased_without", "debiased_without"):
            one, other = (torch.as_tensor(getattr(h, name)) for h in (found, expected))
            torch.testing.assert_close(
                one, other, rtol=1e-9, atol=tiny, equal_nan=True, check_dtype=False
            )


def test_the_debiased_estimator_is_unbiased() -> None:
    """The mean over draws against the population value: E HSIC_u = ||Cov(x, y)||_F^2."""
    n, mix = 8, normal(3, 2, seed=7)
    values = []
    for seed in range(3000):
        x = normal(n, 3, seed)
        values.append(dense_debiased(x, x @ mix) / (n * (n - 3)))
    mean = torch.tensor(values).mean()
    error = torch.tensor(values).std() / 3000**0.5
    assert abs(float(mean) - float(mix.square().sum())) < 4 * float(error)


def test_invalid_features() -> None:
    for wrong in (torch.ones(3), torch.ones(0, 3), torch.ones(3, 0), torch.ones(2, 3, 4)):
        with pytest.raises(ValueError, match=r"features must be \(samples, features\)"):
            centre_features(wrong)
    with pytest.raises(ValueError, match="3 samples, predictions of shape"):
        centre_features(normal(3, 2), predictions=torch.zeros(4))


def test_features_are_not_modified() -> None:
    features = normal(9, 2)
    before = features.clone()
    centre_features(features)
    assert torch.equal(features, before)
