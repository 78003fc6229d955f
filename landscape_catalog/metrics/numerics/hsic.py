"""HSIC with linear kernels, the building block of CKA: for all samples and without each of them.

With K = XX' and L = YY' of centred features, k_i = K_ii = ||x_i||^2 and l_i = L_ii, both estimators
follow from row norms and the product X'Y. With few features this avoids n x n matrices; with many
features, the Gram matrices are used instead, which avoids d x d matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDINGS = 16  # features that vary by at most this many rounding errors count as constant


@dataclass(frozen=True)
class Hsic:
    """Both estimators of HSIC(X, Y), up to a common factor, and both with each sample left out.

    Factors that depend only on n cancel in CKA and are omitted: the biased form is (n-1)^2 HSIC,
    the debiased form n(n-3) HSIC.

    Attributes:
        biased: tr(KHLH) = ||X'Y||_F^2.
        debiased: n(n-3) times the unbiased estimator.
        biased_without: (n,) the biased form of the n-1 samples other than i, centred anew.
        debiased_without: (n,) the debiased form of the same samples.
    """

    biased: float
    debiased: float
    biased_without: Tensor
    debiased_without: Tensor


@dataclass(frozen=True)
class CentredMatrix:
    """Centred features of one network, as rows or, if d > n, as their Gram matrix.

    Attributes:
        rows: (n, d), or None.
        gram: (n, n), or None.
        squares: (n,) squared norms of the rows.
    """

    rows: Tensor | None
    gram: Tensor | None
    squares: Tensor

    def gram_matrix(self) -> Tensor:
        """The Gram matrix, (n, n), computed if it is not stored."""
        if self.gram is not None:
            return self.gram
        assert self.rows is not None
        return self.rows @ self.rows.T


@dataclass(frozen=True)
class CentredFeatures:
    """Centred features of one network, ready for comparison with those of other networks.

    Attributes:
        n: number of samples.
        matrix: the centred features; None if CKA is undefined for them.
        self_hsic: HSIC of the features with themselves; None if CKA is undefined for them.
        predictions: (n,) the predicted classes; None if there are no classes.
        reason: why CKA is undefined.
        finite: whether all features are finite.
    """

    n: int
    matrix: CentredMatrix | None
    self_hsic: Hsic | None
    predictions: Tensor | None = None
    reason: str | None = None
    finite: bool = True


def centre_features(features: Tensor, *, predictions: Tensor | None = None) -> CentredFeatures:
    """Centre features, and compute what all comparisons with them share.

    Features are scaled by a power of two, which is exact, so that fourth powers neither overflow
    nor underflow. They count as constant, with undefined CKA, if they vary by no more than rounding
    errors: ||X - mean||_F <= 16 eps ||X||_F. Here eps is that of float32 if every number is
    representable in float32 (as the outputs of a float32 network are), else that of float64.

    Args:
        features: (n, d).
        predictions: (n,) the predicted classes, if there are classes.

    Raises:
        ValueError: if there are no samples, if features are not a matrix, or if the number of
            predictions differs.

    >>> centre_features(torch.ones(5, 2)).reason
    'the outputs of a network are constant'
    """
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"features must be (samples, features), got {tuple(features.shape)}")
    n = len(features)
    if predictions is not None and predictions.shape != (n,):
        raise ValueError(f"{n} samples, predictions of shape {tuple(predictions.shape)}")
    given = features.detach().cpu().double()
    if not bool(torch.isfinite(given).all()):
        return CentredFeatures(n, None, None, predictions, "outputs are not finite", finite=False)
    reason, rows = _centre(given)
    if reason is not None:
        return CentredFeatures(n, None, None, predictions, reason)
    wide = rows.shape[1] > n
    matrix = CentredMatrix(
        rows=None if wide else rows,
        gram=rows @ rows.T if wide else None,
        squares=rows.square().sum(1),
    )
    return CentredFeatures(n, matrix, hsic(matrix, matrix), predictions)


def _centre(features: Tensor) -> tuple[str | None, Tensor]:
    """The reason why features count as constant, or None; and the scaled, centred features."""
    if bool((features == features[:1]).all()):
        return "the outputs of a network are constant", features
    exponent = max(math.frexp(float(features.abs().max()))[1], -1000)
    scaled = features * math.ldexp(0.5, 1 - exponent)
    rows = scaled - scaled.mean(dim=0)
    in_float32 = torch.equal(scaled.to(torch.float32).to(torch.float64), scaled)
    eps = torch.finfo(torch.float32 if in_float32 else torch.float64).eps
    if float(rows.norm()) <= ROUNDINGS * eps * float(scaled.norm()):
        return "the outputs of a network are constant up to rounding", rows
    return None, rows


def hsic(one: CentredMatrix, other: CentredMatrix) -> Hsic:
    """Both estimators for two networks, and both with each sample left out in turn.

    Biased (Gretton et al. 2005): T = tr(KL) = ||X'Y||_F^2. Debiased, with U-centring expanded for
    centred features:

        n(n-3) HSIC_u = T - n/(n-2) sum_i k_i l_i + (sum_i k_i)(sum_i l_i) / ((n-1)(n-2)).

    Without sample i the mean shifts by -x_i / (n-1), so the sums over the other n-1 samples follow
    from g_i = (KL)_ii, (Kl)_i and (Lk)_i: n estimates in the time of one, O(n d d') or O(n^2).

    Args:
        one: centred features or Gram matrix of n samples.
        other: those of another network on the same samples.

    Returns:
        The sums; the debiased one is NaN for n < 4, the leave-one-out ones for n < 5.

    Source: Song et al. 2012, Eq. 5; Nguyen et al. 2021.
    """
    k, other_k = one.squares, other.squares
    n = len(k)
    if one.rows is not None and other.rows is not None:
        product = one.rows.T @ other.rows
        total = product.square().sum()
        diagonal = ((one.rows @ product) * other.rows).sum(1)
        k_other = one.rows @ (one.rows.T @ other_k)
        other_of_k = other.rows @ (other.rows.T @ k)
    else:
        gram, other_gram = one.gram_matrix(), other.gram_matrix()
        both = gram * other_gram
        total = both.sum()
        diagonal = both.sum(1)
        k_other, other_of_k = gram @ other_k, other_gram @ k
    shift, ratio = 1 / max(n - 1, 1), n / max(n - 1, 1)
    products = k * other_k
    trace, other_trace = k.sum(), other_k.sum()
    total_without = total - 2 * ratio * diagonal + ratio**2 * products
    products_without = (
        products.sum()
        + 2 * shift * (k_other + other_of_k)
        + shift**2 * (trace * other_k + other_trace * k + 4 * diagonal)
        + (n * shift**4 - ratio**4) * products
    )
    traces_without = (trace - ratio * k) * (other_trace - ratio * other_k)
    return Hsic(
        float(total),
        float(_debiased(total, products.sum(), trace * other_trace, n)),
        total_without,
        _debiased(total_without, products_without, traces_without, n - 1),
    )


def _debiased(total: Tensor, products: Tensor, traces: Tensor, n: int) -> Tensor:
    if n < 4:
        return torch.full_like(total, torch.nan)
    return total - n / (n - 2) * products + traces / ((n - 1) * (n - 2))
