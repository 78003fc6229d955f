"""Trainable parameters of a network as one vector."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def flatten(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> Tensor:
    """Join the tensors of `state` that `shapes` names, in its order, into one vector.

    Raises:
        ValueError: if `state` lacks a name, or holds it in another shape.
    """
    for name, shape in shapes.items():
        if name not in state or state[name].shape != shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise ValueError(f"{name}: expected shape {tuple(shape)}, found {found}")
    return torch.cat([state[name].detach().reshape(-1) for name in shapes])


def unflatten(vector: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Cut a vector, (n_parameters,), into named tensors; the inverse of `flatten`."""
    pieces = vector.split([shape.numel() for shape in shapes.values()])
    return {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces)}
