"""How far apart two networks lie in weight space."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch  # noqa: F401 (used in the doctest)
from torch import Tensor


@dataclass(frozen=True)
class Distance:
    """L2 distance of two networks and the norm of each, over `n` trainable parameters."""

    l2: float
    norm: float
    other_norm: float
    n: int


def l2_distance(
    state: Mapping[str, Tensor], other: Mapping[str, Tensor], names: Collection[str]
) -> Distance:
    """||theta - theta'||_2 over the parameters called `names`, summed in float64.

    Raises:
        ValueError: if the two networks differ in shape.

    >>> l2_distance({"w": torch.tensor([3.0])}, {"w": torch.tensor([-1.0])}, ["w"]).l2
    4.0
    """
    difference = norm = other_norm = 0.0
    count = 0
    for name in names:
        one, two = state[name].double(), other[name].double()
        if one.shape != two.shape:
            raise ValueError(f"{name}: shapes {tuple(one.shape)} and {tuple(two.shape)} differ")
        difference += float((one - two).square().sum())
        norm += float(one.square().sum())
        other_norm += float(two.square().sum())
        count += one.numel()
    return Distance(difference**0.5, norm**0.5, other_norm**0.5, count)
