"""The similarity of two networks' outputs on the same samples, and its estimates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.estimate import Estimate, binomial_error
from landscape_catalog.metrics.influences import (
    influences_of_blocks,
    influences_of_share,
    unpacked,
)
from landscape_catalog.schema.records import VALUES


@dataclass(frozen=True)
class OutputSimilarity:
    """Biased and debiased CKA of two networks on the same samples, and their disagreement."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    cka: float
    """Biased linear CKA of the outputs on perturbed samples, between 0 and 1."""
    standard_error: float
    """Jackknife standard error over samples, as if all were independent."""
    n: int
    """Number of perturbed samples."""
    reason: str | None = None
    """Why a number is NaN; the first reason if there are several."""
    debiased: float | None = None
    """CKA with the unbiased estimator of HSIC, at most 1."""
    debiased_standard_error: float | None = None
    """Jackknife standard error of the debiased CKA."""
    disagreement: float | None = None
    """Share of the samples that the two networks classify differently; null if there are no
    classes."""
    draw: Literal["shared", "pair"] = "shared"
    """Whether all pairs of a cell are compared on the same samples. Older records do not know; as
    `shared`, their errors are upper bounds for the error of a cell's mean."""
    block: int = 1
    """How many successive samples share a mixing coefficient; older records do not know."""
    influences: list[int] | None = field(default=None, repr=False)
    """What each sample adds to `standard_error`, in steps of 1e-4 of it: sqrt((n-1)/n) times the
    deviation of the estimate without the sample from the mean of these. Null in older records."""
    debiased_influences: list[int] | None = field(default=None, repr=False)
    """The same for `debiased_standard_error`."""
    differing: list[int] | None = field(default=None, repr=False)
    """The samples, from 0, that the two networks classify differently. Null in older records."""
    metric: Literal["similarity"] = field(default="similarity", kw_only=True)
    """Which metric."""


def similarity_estimates(found: OutputSimilarity) -> Iterator[tuple[str, Estimate]]:
    """Both forms of CKA and the disagreement; they share one reason if values are missing.

    Errors are standard errors over independent samples. Where `block` samples share a mixing
    coefficient, the error is that over blocks, and unknown for a single block.
    """
    se, debiased_se = found.standard_error, found.debiased_standard_error
    yield from _estimate("cka", found, found.cka, se, unpacked(found.influences, se))
    influences = unpacked(found.debiased_influences, debiased_se)
    yield from _estimate("cka_debiased", found, found.debiased, debiased_se, influences)
    share = found.disagreement
    error = None if share is None else binomial_error(share, found.n)
    which = found.differing
    influences = None if which is None else influences_of_share(which, found.n)
    yield from _estimate("disagreement", found, share, error, influences)


def _estimate(
    name: str,
    found: OutputSimilarity,
    value: float | None,
    error: float | None,
    influences: tuple[float, ...] | None,
) -> Iterator[tuple[str, Estimate]]:
    """One number, unless a record of the first version lacks it or there are no classes."""
    if value is None or error is None:
        return
    if found.block > 1:
        influences = influences_of_blocks(influences, found.block)
        error = math.nan if influences is None else math.hypot(*influences)
    missing = not math.isfinite(value) or not math.isfinite(error)
    yield (
        name,
        Estimate(
            value,
            error,
            "unknown" if math.isnan(error) else "standard error",
            found.n,
            "samples",
            reason=found.reason if missing else None,
            shared_draw=found.draw == "shared",
            influences=influences if found.draw == "shared" else None,
        ),
    )
