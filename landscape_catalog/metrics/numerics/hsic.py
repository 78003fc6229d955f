"""HSIC of linear kernels: what CKA is made of, for the whole sample and without each of its rows.

With K = XX' and L = YY' of centred features, k_i = K_ii = ||x_i||^2 and l_i = L_ii, both estimators
follow from row norms and the product X'Y, so that no n x n matrix is needed where there are few
features; where there are many, from the Gram matrices, so that no d x d one is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDINGS = 16  # features that vary by no more than so many roundings of their size are constant


@dataclass(frozen=True)
class Hsic:
    """Both estimators of HSIC(X, Y), up to a common factor, and both without each sample.

    Factors that depend on n alone cancel in CKA and are left out: the biased form is (n-1)^2 HSIC,
    the debiased one n(n-3) HSIC.

    Attributes:
        biased: tr(KHLH) = ||X'Y||_F^2.
        debiased: n(n-3) times the unbiased estimator.
        biased_without: (n,) the biased form of the n-1 samples without sample i, which are centred
            anew.
        debiased_without: (n,) the same of the debiased form.
    """

    biased: float
    debiased: float
    biased_without: Tensor
    debiased_without: Tensor


@dataclass(frozen=True)
class Centred:
    """Centred features of one network: as rows, or, where d > n, as their Gram matrix.

    Attributes:
        rows: (n, d), or None.
        gram: (n, n), or None.
        squares: (n,) squared norms of the rows.
    """

    rows: Tensor | None
    gram: Tensor | None
    squares: Tensor

    def gram_matrix(self) -> Tensor:
        """The Gram matrix, (n, n), made if it is not there."""
        if self.gram is not None:
            return self.gram
        assert self.rows is not None
        return self.rows @ self.rows.T


@dataclass(frozen=True)
class Prepared:
    """Features of one network, ready to be compared with those of any other of the same samples.

    Attributes:
        n: samples.
        centred: the centred features; None where they are of no use.
        own: HSIC of the features with themselves; None where they are of no use.
        predictions: (n,) the class that each sample is put into; None where there are no classes.
        reason: why they are of no use.
        finite: whether every number is finite.
    """

    n: int
    centred: Centred | None
    own: Hsic | None
    predictions: Tensor | None = None
    reason: str | None = None
    finite: bool = True


def prepare(features: Tensor, *, predictions: Tensor | None = None) -> Prepared:
    """Centre features, and compute once what every pair with them needs.

    Features are scaled by a power of two, which changes no digit, so that fourth powers neither
    overflow nor vanish. They are constant, and of no use, if they differ by no more than rounding:
    ||X - mean||_F <= 16 eps ||X||_F, with eps of float32 where every number is one of float32's
    (what a network computed in float32 stays so in float64), else of float64.

    Args:
        features: (n, d).
        predictions: (n,) the class that each sample is put into, if there are classes.

    Raises:
        ValueError: if there is no sample, or features are no matrix, or predictions of other count.

    >>> prepare(torch.ones(5, 2)).reason
    'the outputs of a network are constant'
    """
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"features must be (samples, features), got {tuple(features.shape)}")
    n = len(features)
    if predictions is not None and predictions.shape != (n,):
        raise ValueError(f"{n} samples, predictions of shape {tuple(predictions.shape)}")
    given = features.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(given).all()):
        return Prepared(n, None, None, predictions, "outputs are not finite", finite=False)
    reason, rows = _centre(given)
    if reason is not None:
        return Prepared(n, None, None, predictions, reason)
    many = rows.shape[1] > n
    centred = Centred(
        rows=None if many else rows,
        gram=rows @ rows.T if many else None,
        squares=rows.square().sum(1),
    )
    return Prepared(n, centred, hsic(centred, centred), predictions)


def _centre(features: Tensor) -> tuple[str | None, Tensor]:
    """Why features are of no use, or None; and scaled, centred features."""
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


def hsic(one: Centred, other: Centred) -> Hsic:
    """Both estimators for two networks, and both without each sample in turn.

    Biased (Gretton et al. 2005): T = tr(KL) = ||X'Y||_F^2. Debiased: with U-centring written out
    for centred features,

        n(n-3) HSIC_u = T - n/(n-2) sum_i k_i l_i + (sum_i k_i)(sum_i l_i) / ((n-1)(n-2)).

    Without sample i the mean moves by -x_i / (n-1), which gives the same sums of the n-1 others
    from g_i = (KL)_ii, (Kl)_i and (Lk)_i: n estimates in the time of one, O(n d d') or O(n^2).

    Args:
        one: centred features or Gram matrix of n samples.
        other: the same of the same samples.

    Returns:
        The sums; the debiased one is NaN for n < 4, those without a sample for n < 5.

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
    shift, grown = 1 / max(n - 1, 1), n / max(n - 1, 1)
    products = k * other_k
    trace, other_trace = k.sum(), other_k.sum()
    total_without = total - 2 * grown * diagonal + grown**2 * products
    products_without = (
        products.sum()
        + 2 * shift * (k_other + other_of_k)
        + shift**2 * (trace * other_k + other_trace * k + 4 * diagonal)
        + (n * shift**4 - grown**4) * products
    )
    traces_without = (trace - grown * k) * (other_trace - grown * other_k)
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
