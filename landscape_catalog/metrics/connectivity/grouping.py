"""Which curves are fitted as a group because their networks are small.

The curves of a group are stacked, which rounds differently from fitting them one by one, so this
rule affects numbers. It is frozen: it belongs to `curve_fit` recipe 2, and changing it, or the
multiply-adds that `models.registry` gives for a network, requires a new recipe number. Those are
exact counts, compared with counted ones in tests. The constants of time estimates
(`pipeline.shared.costs`, `runner.timings`) have no part in it and may be retuned at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landscape_catalog.models.registry import multiply_adds

FORWARD_PASSES = 3  # cost of an SGD step: a forward pass, and a backward pass that costs two
TOKENS = (25, 25)  # assumed length of source and target sentences, whatever the data's own lengths
LARGEST_STEP = 2**27  # multiply-adds


def fits_in_group(
    network: str,
    *,
    width: int,
    input_shape: tuple[int, ...],
    n_outputs: int,
    args: Mapping[str, Any],
    batch_size: int,
) -> bool:
    """Whether curves between networks of this kind are fitted as a group.

    They are if a step takes at most 2^27 multiply-adds, counted as 3 * batch_size * those of a
    forward pass. The arithmetic of custom code is unknown, so its curves are never grouped.

    Args:
        network: a built-in network; another raises KeyError.
        width: of the network.
        input_shape: of one input: (channels, height, width) for images, () for text.
        n_outputs: classes, or the size of the vocabulary.
        args: valid `model.args`.
        batch_size: of the fit.

    >>> digits = {"input_shape": (1, 8, 8), "n_outputs": 10, "args": {}, "batch_size": 128}
    >>> [fits_in_group("resnet18", width=width, **digits) for width in (4, 6, 8)]
    [True, True, False]
    """
    forward = multiply_adds(
        network,
        width=width,
        input_shape=input_shape,
        n_outputs=n_outputs,
        args=args,
        lengths=TOKENS,
    )
    return FORWARD_PASSES * forward * batch_size <= LARGEST_STEP
