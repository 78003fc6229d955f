"""How alike the outputs of two networks are: CKA in both forms, and how often they differ."""

from __future__ import annotations

import math

from torch import Tensor

from landscape_catalog.metrics.numerics.cka import cka_estimates
from landscape_catalog.metrics.numerics.hsic import Prepared, prepare
from landscape_catalog.metrics.similarity.spec import OutputSimilarity


def similarity(one: Prepared | Tensor, other: Prepared | Tensor) -> OutputSimilarity:
    """Biased and debiased CKA with their errors, and the disagreement, of two networks.

    disagreement = (1/n) #{i: argmax F_i != argmax F'_i}; NaN where outputs are not finite.

    Args:
        one: features of one network, from `prepared_features` or `prepare`; a matrix of features,
            (n, d), is prepared first, and has no classes.
        other: of another network, of the same samples.

    Returns:
        Numbers that cannot be had are NaN and come with a reason.

    Raises:
        ValueError: if the two have different sample counts.

    Source: Yang et al. 2021, Eq. 3; Song et al. 2012; Nguyen et al. 2021; errors by the jackknife.
    """
    one, other = (side if isinstance(side, Prepared) else prepare(side) for side in (one, other))
    biased, debiased = cka_estimates(one, other)
    return OutputSimilarity(
        cka=biased.value,
        standard_error=biased.error,
        n=one.n,
        reason=biased.reason or debiased.reason,
        debiased=debiased.value,
        debiased_standard_error=debiased.error,
        disagreement=_disagreement(one, other),
    )


def _disagreement(one: Prepared, other: Prepared) -> float | None:
    if one.predictions is None or other.predictions is None:
        return None
    if not (one.finite and other.finite):
        return math.nan
    return float((one.predictions != other.predictions).double().mean())
