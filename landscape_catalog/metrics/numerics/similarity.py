"""Similarity between the outputs of two networks: biased and debiased CKA, and disagreement."""

from __future__ import annotations

import math

from torch import Tensor

from landscape_catalog.metrics.influences import packed
from landscape_catalog.metrics.numerics.cka import cka_estimates
from landscape_catalog.metrics.numerics.hsic import CentredFeatures, centre_features
from landscape_catalog.metrics.similarity.result import OutputSimilarity


def similarity(one: CentredFeatures | Tensor, other: CentredFeatures | Tensor) -> OutputSimilarity:
    """Biased and debiased CKA with their errors, and the disagreement, of two networks.

    disagreement = (1/n) #{i: argmax F_i != argmax F'_i}; NaN if outputs are not finite.

    Args:
        one: features of one network, from `centred_features` or `centre_features`. A plain matrix,
            (n, d), is centred first and has no classes.
        other: features of another network, of the same samples.

    Returns:
        Undefined numbers are NaN, with a reason.

    Raises:
        ValueError: if the sample counts differ.

    Source: Yang et al. 2021, Eq. 3; Song et al. 2012; Nguyen et al. 2021; jackknife errors.
    """
    one, other = (
        features if isinstance(features, CentredFeatures) else centre_features(features)
        for features in (one, other)
    )
    biased, debiased = cka_estimates(one, other)
    disagreement, differing = _disagreement(one, other)
    return OutputSimilarity(
        cka=biased.value,
        standard_error=biased.error,
        n=one.n,
        reason=biased.reason or debiased.reason,
        debiased=debiased.value,
        debiased_standard_error=debiased.error,
        disagreement=disagreement,
        influences=packed(biased.influences),
        debiased_influences=packed(debiased.influences),
        differing=differing,
    )


def _disagreement(
    one: CentredFeatures, other: CentredFeatures
) -> tuple[float | None, list[int] | None]:
    """The share of samples that are classified differently, and which they are."""
    if one.predictions is None or other.predictions is None:
        return None, None
    if not (one.finite and other.finite):
        return math.nan, None
    differ = one.predictions != other.predictions
    return float(differ.double().mean()), differ.nonzero().flatten().tolist()
