"""How far apart two networks lie in weight space."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import torch  # noqa: F401 (used in the doctest)
from torch import Tensor

from landscape_catalog.metrics.distance.spec import WeightDistance


def l2_distance(
    state: Mapping[str, Tensor], other: Mapping[str, Tensor], names: Collection[str]
) -> WeightDistance:
    """||theta - theta'||_2 over the parameters called `names`, summed in float64.

    Args:
        state: weights of one network, by name.
        other: of another.
        names: of the parameters that are compared.

    Returns:
        The distance, NaN with a reason where weights are not finite.

    Raises:
        ValueError: if the two networks differ in shape, or one lacks a parameter.

    >>> l2_distance({"w": torch.tensor([3.0])}, {"w": torch.tensor([-1.0])}, ["w"]).l2
    4.0
    """
    difference = norm = other_norm = 0.0
    count = 0
    for name in names:
        if name not in state or name not in other:
            raise ValueError(f"{name}: a network lacks it")
        one, two = state[name].double(), other[name].double()
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
