"""Linear CKA between two sets of features, biased and debiased, with standard errors."""

from __future__ import annotations

import math

import torch  # noqa: F401 (used in the doctests)
from torch import Tensor

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.numerics.hsic import CentredFeatures, Hsic, centre_features, hsic

CANCELLED = 1e-10  # a sum this small relative to its terms is rounding error


def linear_cka(features: Tensor, others: Tensor) -> float:
    """Linear CKA between two sets of features of the same samples, between 0 and 1.

    s(F, F') = Cov(F, F') / sqrt(Cov(F, F) Cov(F', F')) with
    Cov(X, Y) = (m-1)^-2 tr(X X' H Y Y' H), computed as squared Frobenius norms of cross-products of
    centred features, tr(XX'HYY'H) = ||(HX)' HY||_F^2, or, if there are more features than samples,
    as inner products of Gram matrices, <HXX'H, HYY'H>. This is the biased form, as in the paper: on
    few samples, the CKA of independent features is not 0.

    Args:
        features: (m, d) in float64.
        others: (m, d').

    Returns:
        CKA, or NaN if the features of one network are constant or not finite.

    Raises:
        ValueError: if the sample counts differ or are zero, or if an argument is not a matrix.

    Source: Kornblith et al. 2019; Yang et al. 2021, Eq. 3.

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], dtype=torch.float64)
    >>> round(linear_cka(x, 3 * x + 1), 12)
    1.0
    """
    return cka_estimates(centre_features(features), centre_features(others))[0].value


def debiased_cka(features: Tensor, others: Tensor) -> float:
    """Linear CKA with unbiased HSIC instead of Cov; about 0 for independent features, at most 1.

    s_u(F, F') = HSIC_u(F, F') / sqrt(HSIC_u(F, F) HSIC_u(F', F')), where, with the diagonals of
    K = XX' and L = YY' set to zero,

        m(m-3) HSIC_u = tr(KL) + (1'K1)(1'L1) / ((m-1)(m-2)) - 2/(m-2) 1'KL1.

    Each HSIC_u is unbiased and their ratio nearly so. It can be negative.

    Args:
        features: (m, d) in float64.
        others: (m, d').

    Returns:
        Debiased CKA, or NaN if there are fewer than 4 samples, or if the features of one network
        are not finite, constant, or constant except for one sample.

    Raises:
        ValueError: if the sample counts differ or are zero, or if an argument is not a matrix.

    Source: Song et al. 2012; Nguyen et al. 2021, Eq. 3.

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [1.0, 1.0]], dtype=torch.float64)
    >>> round(debiased_cka(x, 3 * x + 1), 12)
    1.0
    """
    return cka_estimates(centre_features(features), centre_features(others))[1].value


def cka_estimates(one: CentredFeatures, other: CentredFeatures) -> tuple[Estimate, Estimate]:
    """Biased and debiased CKA, each with its delete-one jackknife standard error over samples.

    se^2 = (n-1)/n sum_i (s_(i) - mean_j s_(j))^2, where s_(i) is the estimate from the n-1 samples
    without sample i. It is the error of the estimator at this sample size, for independent samples,
    and does not reflect the variation over pairs of runs. On average it is an overestimate (Efron
    and Stein 1981). Near 1 the distribution of CKA is skewed, and intervals are better computed for
    atanh(s), whose error is se / (1 - s^2).

    `influences` are sqrt((n-1)/n) (s_(i) - mean_j s_(j)), whose squares add up to se^2. Those of
    several pairs on the same samples give the joint error of the pairs' mean.

    In simulations (benchmarks/coverage_cka.py), intervals of 1.96 se cover the true value in at
    least 93% of draws, except that on 128 samples they cover it in 91% at CKA 0.996, and in some
    80% if 19 of 20 samples have nearly the same outputs. Bootstrap errors are larger if features
    are dissimilar (by a fifth over distinct rows, by up to two thirds if repeated rows are compared
    with themselves), and are undefined if a resampled HSIC(X, X) is negative, which never happens
    when one sample is left out.

    Args:
        one: features of one network.
        other: features of another network, of the same samples.

    Raises:
        ValueError: if the sample counts differ.
    """
    if one.n != other.n:
        raise ValueError(f"{one.n} samples on one side, {other.n} on the other")
    one_hsic, other_hsic = one.self_hsic, other.self_hsic
    if one.matrix is None or other.matrix is None or one_hsic is None or other_hsic is None:
        reasons = [each.reason for each in sorted((one, other), key=lambda each: each.finite)]
        missing = Estimate(math.nan, reason=next(filter(None, reasons)))
        return missing, missing
    cross = one_hsic if one is other else hsic(one.matrix, other.matrix)
    return _biased(cross, one_hsic, other_hsic), _debiased(cross, one_hsic, other_hsic)


def _biased(cross: Hsic, one: Hsic, other: Hsic) -> Estimate:
    value = cross.biased / math.sqrt(one.biased * other.biased)
    for each in (one, other):
        if bool((each.biased_without <= CANCELLED * each.biased).any()):
            reason = "no standard error: the outputs of a network are constant but for one sample"
            return Estimate(value, reason=reason)
    without = cross.biased_without / (one.biased_without * other.biased_without).sqrt()
    return _with_jackknife_error(value, without)


def _debiased(cross: Hsic, one: Hsic, other: Hsic) -> Estimate:
    n = len(cross.biased_without)
    if n < 4:
        return Estimate(math.nan, reason=f"debiased CKA needs 4 samples, there are {n}")
    if any(each.debiased <= CANCELLED * each.biased for each in (one, other)):
        reason = "no debiased CKA: the outputs of a network are constant but for one sample"
        return Estimate(math.nan, reason=reason)
    value = cross.debiased / math.sqrt(one.debiased * other.debiased)
    if n < 5:
        reason = f"the error of debiased CKA needs 5 samples, there are {n}"
        return Estimate(value, reason=reason)
    for each in (one, other):
        if bool((each.debiased_without <= CANCELLED * each.biased).any()):
            reason = "no error of debiased CKA: the outputs of a network differ in two samples only"
            return Estimate(value, reason=reason)
    without = cross.debiased_without / (one.debiased_without * other.debiased_without).sqrt()
    return _with_jackknife_error(value, without)


def _with_jackknife_error(value: float, without: Tensor) -> Estimate:
    """An estimate with the standard error, and the samples' influences, from leaving each out."""
    n = len(without)
    deviations = without - without.mean()
    error = float(((n - 1) / n * deviations.square().sum()).sqrt())
    influences = tuple((math.sqrt((n - 1) / n) * deviations).tolist())
    return Estimate(value, error, "standard error", n, "samples", influences=influences)
