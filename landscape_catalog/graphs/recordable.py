"""Which networks may be recorded: those that do the same at every call, without asking a tensor."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_catalog.graphs.batching import stable_graph
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.tasks.classification import Classification

# Operators whose result the CPU waits for.
READS = {
    torch.ops.aten._local_scalar_dense, torch.ops.aten.equal, torch.ops.aten.nonzero,
    torch.ops.aten.masked_select, torch.ops.aten.is_nonzero,
}  # fmt: skip
UNCHANGED = {"_parameters", "_modules", "training"}  # by a forward pass that can be traced


def can_be_recorded(network: nn.Module, batch: Samples, task: Task) -> bool:
    """Whether steps may be recorded as a CUDA graph (`graphs.recorded`).

    They may if the network can be traced, so that nothing branches on values that depend on the
    input or draws random numbers, and if the task is built-in classification, whose outputs have
    the same shapes at every step. A forward pass must also change nothing but tensors in place, and
    ask no tensor for its values: a graph repeats neither Python's part of a pass (a counter, a
    buffer that is replaced, a factor that decays) nor what followed from an answer (a momentum of
    `None`, for which batch norm counts its batches).

    Args:
        network: in train mode; not modified.
        batch: samples of a step.
        task: how the network is called.
    """
    if type(task) is not Classification:
        return False
    network = copied(network)
    if stable_graph(network, batch, task, len(batch)) is None:
        return False
    before, dtype = list(_state(network)), next(network.parameters()).dtype
    with torch.no_grad(), _Reads() as reads:
        task.outputs(network, batch, dtype)
    after = list(_state(network))
    same = len(before) == len(after) and all(map(_same, before, after))
    return same and not reads.found


class _Reads(TorchDispatchMode):
    """Finds out whether a tensor is asked for its values, or copied to another device."""

    found = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet in READS:
            self.found = True
        if packet is torch.ops.aten._to_copy and result.device != args[0].device:
            self.found = True
        return result


def _state(network: nn.Module) -> Iterator[Any]:
    """What the modules hold besides parameters: tensors, and other values as bytes."""
    for module in network.modules():
        for name, value in vars(module).items():
            if name not in UNCHANGED:
                yield name
                yield from _parts(value)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Tensor):
        yield value
    elif type(value) in (dict, list, tuple):
        yield len(value)
        for part in value.items() if type(value) is dict else value:
            yield from _parts(part)
    else:
        try:
            yield pickle.dumps(value)
        except Exception:  # of a user's class or a function; what it holds cannot be known
            yield id(value)


def _same(one: Any, other: Any) -> bool:
    """Tensors must be the same object, which the graph reads; other values must be equal."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return one is other
    return bool(one == other)
