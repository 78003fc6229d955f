"""Copies of networks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn


def copied(network: nn.Module) -> nn.Module:
    """An independent copy, whose mode, gradients and statistics may be changed.

    Tensors that a forward pass has computed from parameters and that a module still holds (the
    weight under hook-based weight norm, cached activations) are copied as values, which
    `copy.deepcopy` refuses to do: the next forward pass computes them anew.
    """
    computed = {id(value): value.detach().clone() for value in _computed(network)}
    return copy.deepcopy(network, computed)


def _computed(network: nn.Module) -> Iterator[Tensor]:
    """Tensors with a history that the modules of a network hold as attributes."""
    for module in network.modules():
        yield from _with_history(vars(module))


def _with_history(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if not value.is_leaf:
            yield value
    elif type(value) in (dict, list, tuple):
        for part in value.values() if type(value) is dict else value:
            yield from _with_history(part)
