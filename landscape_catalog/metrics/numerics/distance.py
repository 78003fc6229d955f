"""The distance between two networks in weight space."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import torch  # noqa: F401 (used in the doctest)
from torch import Tensor

from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.models.float64 import in_float64


def l2_distance(
    state: Mapping[str, Tensor], other: Mapping[str, Tensor], names: Collection[str]
) -> WeightDistance:
    """||theta - theta'||_2 over the parameters in `names`, summed in float64.

    Args:
        state: weights of one network, by name.
        other: weights of another network.
        names: names of the parameters to compare.

    Returns:
        The distance; NaN with a reason if weights are not finite.

    Raises:
        ValueError: if a shape differs or a network lacks a parameter.

    >>> l2_distance({"w": torch.tensor([3.0])}, {"w": torch.tensor([-1.0])}, ["w"]).l2
    4.0
    """
    difference = norm = other_norm = 0.0
    count = 0
    for name in names:
        if name not in state or name not in other:
            raise ValueError(f"{name}: missing in one of the networks")
        one, two = in_float64(state[name]), in_float64(other[name])
        if one.shape != two.shape:
            raise ValueError(f"{name}: shapes {tuple(one.shape)} and {tuple(two.shape)} differ")
        difference += float((one - two).square().sum())
        norm += float(one.square().sum())
        other_norm += float(two.square().sum())
        count += one.numel()
    if not all(map(math.isfinite, (difference, norm, other_norm))):
        reason = "weights, or their squares, are not finite"
        return WeightDistance(math.nan, norm**0.5, other_norm**0.5, count, reason)
    return WeightDistance(difference**0.5, norm**0.5, other_norm**0.5, count)
