"""Which networks are computed side by side because their steps are small; free of torch.

Networks side by side round differently from one alone, so these rules affect numbers. They are
frozen: they belong to the grouped recipes (`train` 2, `curve_fit` 3, `curve_points` 4, `barrier`
3), and changing them, or the counts that `models.registry` gives for a network, requires new
recipe numbers. The counts are exact and compared with counted ones in tests. The constants of time
estimates (`runner.speed`) have no part in them and may be retuned at any time.

Custom code is never grouped: whether it would give the same results side by side cannot be known
from a specification. Nor are Transformers (docs/performance.md has the measurements).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landscape_catalog.graphs.limits import BATCH_MULTIPLE, SMALL_VALUE
from landscape_catalog.models.registry import (
    NETWORKS,
    footprint,
    has_batch_norm,
    multiply_adds,
)

FORWARD_PASSES = 3  # cost of an SGD step: a forward pass, and a backward pass that costs two
LARGEST_STEP = 2**28  # multiply-adds
FORMER_LARGEST_STEP = 2**27  # of curves that were fitted side by side under `curve_fit` 2


def has_small_steps(network: Mapping[str, Any] | None, batch_size: int) -> bool:
    """Whether SGD steps of a network are computed side by side with those of others.

    They are if the batch size is a multiple of 8 and a step takes at most 2^28 multiply-adds,
    counted as 3 * batch_size * those of a forward pass.

    Args:
        network: `name`, `width`, `input_shape`, `n_outputs` and `args` of a built-in network; None
            if the network or its task is custom.
        batch_size: samples of a step.

    >>> digits = {"name": "resnet18", "input_shape": (1, 8, 8), "n_outputs": 10, "args": {}}
    >>> [has_small_steps({**digits, "width": width}, 128) for width in (4, 8, 10)]
    [True, True, False]
    """
    if network is None or not NETWORKS[network["name"]].stacks:
        return False
    return batch_size % BATCH_MULTIPLE == 0 and _step(network, batch_size) <= LARGEST_STEP


def moved_from_stacks(network: Mapping[str, Any] | None, batch_size: int) -> bool:
    """Whether curves were fitted side by side under `curve_fit` 2, and are now fitted alone.

    They were if the largest value of a batch had at most 2^16 elements and a step took at most 2^27
    multiply-adds, and no longer are if the batch size is not a multiple of 8.

    Args:
        network: as for `has_small_steps`.
        batch_size: samples of a step.
    """
    if network is None or batch_size % BATCH_MULTIPLE == 0:
        return False
    was_small = _step(network, batch_size) <= FORMER_LARGEST_STEP
    return was_small and _largest_is_small(network, batch_size)


def has_small_values(network: Mapping[str, Any] | None, batch_size: int) -> bool:
    """Whether values are so small that batch-norm statistics may be computed side by side.

    They may if the largest value of a batch has at most 2^16 elements. For custom networks this
    is known only when they are traced, so that the answer is yes. It is no for networks without
    batch norm.

    Args:
        network: as for `has_small_steps`.
        batch_size: samples of a batch.
    """
    if network is None:
        return True
    has_norm = has_batch_norm(network["name"], network["args"])
    return has_norm and _largest_is_small(network, batch_size)


def _step(network: Mapping[str, Any], batch_size: int) -> int:
    """Multiply-adds of an SGD step."""
    return FORWARD_PASSES * multiply_adds(**network) * batch_size


def _largest_is_small(network: Mapping[str, Any], batch_size: int) -> bool:
    counted = footprint(**network) if NETWORKS[network["name"]].stacks else None
    return counted is not None and counted.largest * batch_size <= SMALL_VALUE


def trains_grouped(
    network: Mapping[str, Any] | None,
    *,
    batch_size: int,
    optimizer: str,
    clip_norm: float | None,
    augment: bool,
    precision: str = "float32",
) -> bool:
    """Whether runs are trained in groups, even where a group has only one of them.

    They are if their steps are small and plain SGD with momentum: Adam, clipped gradients,
    augmented images and other precisions than float32 are trained alone. Label smoothing and
    schedules make no difference. (Dropout exists in Transformers only.)

    Args:
        network: as for `has_small_steps`.
        batch_size: samples of a step.
        optimizer: `sgd` or `adam`.
        clip_norm: maximum norm of the gradient; None: no clipping.
        augment: whether images are shifted and flipped.
        precision: of the arithmetic.
    """
    plain = optimizer == "sgd" and clip_norm is None and not augment and precision == "float32"
    return plain and has_small_steps(network, batch_size)


def records_on_gpu(network: Mapping[str, Any] | None) -> bool:
    """Whether a GPU computes with recorded steps, those of several runs at the same time.

    That is the case for built-in networks for images, of any size and with any optimiser. By
    construction no result depends on which runs share a GPU (`training.replayed`).

    Args:
        network: as for `has_small_steps`.
    """
    return network is not None and NETWORKS[network["name"]].stacks
