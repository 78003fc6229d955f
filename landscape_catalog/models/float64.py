"""Where numbers are computed in float64: on their own device, or on the CPU if it lacks float64."""

from __future__ import annotations

import torch
from torch import Tensor

# Kinds of device without float64, of which torch refuses even a conversion.
WITHOUT_FLOAT64 = frozenset({"mps"})


def float64_device(device: torch.device) -> torch.device:
    """The device of float64 tensors that belong to a network on `device`.

    >>> float64_device(torch.device("mps", 0)), float64_device(torch.device("cuda", 1))
    (device(type='cpu'), device(type='cuda', index=1))
    """
    return torch.device("cpu") if device.type in WITHOUT_FLOAT64 else device


def in_float64(values: Tensor) -> Tensor:
    """The values in float64, on `float64_device`; moved before they are converted."""
    return values.to(float64_device(values.device)).to(torch.float64)
