"""Which parameters a custom network may have."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from landscape_catalog.errors import CodeError
from landscape_catalog.pipeline.shared.states import arrays_of

PRECISE = (torch.float32, torch.float64)


def require_storable_parameters(network: nn.Module, model: str) -> None:
    """Require a state dict that can be stored, and parameters that fit into one vector.

    Raises:
        CodeError: naming the parameter.
    """
    trained = {n: value for n, value in network.named_parameters() if value.requires_grad}
    for name, value in trained.items():
        if value.dtype not in PRECISE:
            way_out = (
                "hold real and imaginary part in one real parameter, and use torch.view_as_complex"
                if value.is_complex()
                else "convert the network with .float(), and use torch.autocast within its forward"
            )
            raise CodeError(
                f"{model}: its parameter `{name}` is of type {value.dtype}; parameters must be "
                f"torch.float32 or torch.float64: {way_out}"
            )
    first = next(iter(trained))
    known: dict[tuple[Any, ...], str] = {}
    for name, value in trained.items():
        if value.dtype != trained[first].dtype:
            raise CodeError(
                f"{model}: its parameters `{first}` and `{name}` are of types "
                f"{trained[first].dtype} and {value.dtype}; all must be of one type"
            )
        other = known.setdefault((value.untyped_storage().data_ptr(), value.storage_offset()), name)
        if other != name and value.numel():
            raise CodeError(
                f"{model}: its parameters `{other}` and `{name}` share memory without being one "
                "parameter, so they are one in training and two in measuring: tie weights by "
                "assigning the same torch.nn.Parameter to both"
            )
    arrays_of(network.state_dict(), model)
