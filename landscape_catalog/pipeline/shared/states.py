"""State dicts as the arrays that are stored, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.errors import CodeError
from landscape_catalog.store.artifacts import pack

Arrays = dict[str, np.ndarray]


def arrays_of(state: Mapping[str, Any], name: str) -> Arrays:
    """The state dict of a network as arrays.

    Args:
        state: tensors by name.
        name: of the network, for messages.

    Raises:
        CodeError: if it holds something that cannot be stored.
    """
    return {key: _array(key, value, name) for key, value in state.items()}


def _array(key: str, value: Any, name: str) -> np.ndarray:
    if not isinstance(value, Tensor):
        raise CodeError(
            f"{name}: `{key}` of its state_dict is of type {type(value).__name__}; only tensors "
            "can be stored, so register it as a buffer"
        )
    try:
        array: np.ndarray = value.detach().cpu().numpy()
        pack({key: array.reshape(-1)[:0]})
    except Exception as error:  # bfloat16, complex128, sparse, quantized: each has its own error
        raise CodeError(
            f"{name}: `{key}` of its state_dict, of type {value.dtype}, cannot be stored: {error}"
        ) from error
    return array


def state_of(arrays: Mapping[str, np.ndarray], device: str) -> dict[str, Tensor]:
    """Stored arrays as tensors on a device; one without dimensions was stored with one."""
    return {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}


def shaped_like(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A stored state dict in which tensors without dimensions have none again."""
    scalars = {name for name, value in network.state_dict().items() if value.ndim == 0}
    return {
        name: value.view(()) if name in scalars and value.numel() == 1 else value
        for name, value in state.items()
    }
