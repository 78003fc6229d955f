"""The weights of several networks of one architecture as one vector, and back.

The vector holds one block per parameter: first the T values of the first parameter, one network's
after the other's, then those of the second, and so on. Each block begins at a multiple of 64 bytes
and is padded with zeros, so that vectorised kernels treat an element in the same way wherever its
network stands in the stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

Shapes = Mapping[str, torch.Size]  # of one network's parameters, in order
ALIGNMENT = 16  # elements


def vector_length(shapes: Shapes, count: int) -> int:
    """Number of elements of the vector of `count` networks, padding included."""
    return sum(_padded(count * shape.numel()) for shape in shapes.values())


def stacked_views(vector: Tensor, shapes: Shapes, count: int) -> dict[str, Tensor]:
    """Views of a vector's blocks, each (T, *shape), by the parameter's name."""
    views, start = {}, 0
    for name, shape in shapes.items():
        length = count * shape.numel()
        views[name] = vector[start : start + length].view(count, *shape)
        start += _padded(length)
    return views


def stack_states(states: Sequence[Mapping[str, Tensor]], shapes: Shapes) -> Tensor:
    """The parameters of T networks as one vector, in the dtype and on the device of the first."""
    first = next(iter(states[0].values()))
    vector = first.new_zeros(vector_length(shapes, len(states)))
    for name, view in stacked_views(vector, shapes, len(states)).items():
        torch.stack([state[name] for state in states], out=view)
    return vector


def select_members(vector: Tensor, shapes: Shapes, count: int, members: Sequence[int]) -> Tensor:
    """The vector of some of the networks, in the given order."""
    selected = vector.new_zeros(vector_length(shapes, len(members)))
    places = torch.tensor(members, device=vector.device)
    sources = stacked_views(vector, shapes, count)
    for name, view in stacked_views(selected, shapes, len(members)).items():
        view.copy_(sources[name][places])
    return selected


def fill_by_member(vector: Tensor, shapes: Shapes, values: Iterable[float]) -> Tensor:
    """Set every element that belongs to network t to `values[t]`; returns the vector."""
    per_member = torch.tensor(list(values), dtype=vector.dtype, device=vector.device)
    for view in stacked_views(vector, shapes, len(per_member)).values():
        view.copy_(per_member.view(-1, *[1] * (view.ndim - 1)).expand_as(view))
    return vector


def _padded(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT
