"""Batched matrix products."""

from __future__ import annotations

import torch
from torch import Tensor


def multiply(one: Tensor, other: Tensor, out: Tensor, *, add: bool) -> None:
    """Write the products of T pairs of matrices to `out`, or add them."""
    if add:
        out.baddbmm_(one, other)
    else:
        torch.bmm(one, other, out=out)
