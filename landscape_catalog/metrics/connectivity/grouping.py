"""Which curves are fitted side by side: a frozen rule that belongs to recipe `curve_fit` 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landscape_catalog.models.registry import multiply_adds

LARGEST_STEP = 2**27  # multiply-adds of a step up to which curves are fitted side by side
PASSES = 3  # forward passes of a step
TOKENS = (25, 25)  # of a source and a target sentence


def fits_in_group(
    network: str,
    *,
    width: int,
    input_shape: tuple[int, ...],
    n_outputs: int,
    args: Mapping[str, Any],
    batch_size: int,
) -> bool:
    """Whether a step of the fit has so little arithmetic that curves gain by sharing it."""
    sample = multiply_adds(
        network, width=width, input_shape=input_shape, n_outputs=n_outputs, args=args,
        lengths=TOKENS,
    )  # fmt: skip
    return PASSES * sample * batch_size <= LARGEST_STEP
