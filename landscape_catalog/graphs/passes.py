"""Forward and backward passes that are watched: what they read, and whether they repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.python_state import python_state, same_state, state_of_modules
from landscape_catalog.tasks import Samples, Task

ATEN = torch.ops.aten
# Operators whose result the CPU waits for.
READS = {
    ATEN._local_scalar_dense, ATEN.equal, ATEN.nonzero, ATEN.masked_select, ATEN.is_nonzero,
    ATEN._unique, ATEN._unique2, ATEN.unique_dim, ATEN.unique_consecutive, ATEN.bincount,
}  # fmt: skip
# Operators that wait if an index is a mask.
INDEXING = {ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_}
MASKS = (torch.bool, torch.uint8)


class Reads(TorchDispatchMode):
    """Finds out whether a tensor is asked for its values, or copied to another device.

    It sees backward passes, too: autograd takes the mode along to the thread that computes them.
    """

    found = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet in READS or (packet in INDEXING and _has_mask(args[1])):
            self.found = True
        if packet is ATEN._to_copy and result.device != args[0].device:
            self.found = True
        return result


def _has_mask(indices: Sequence[Tensor | None]) -> bool:
    return any(index is not None and index.dtype in MASKS for index in indices)


def why_passes_differ(network: nn.Module, batch: Samples, task: Task, *, twice: bool) -> str:
    """Why two forward and backward passes from one state are no repetition; empty if they are one.

    They must give the same bits, ask no tensor for its values, leave Python's part of the network
    as it was, and change tensors in place only. They are computed with the kernels that recorded
    steps use, and take as much memory as a step.

    Args:
        network: changed; pass a copy.
        batch: samples.
        task: how the network is called, and its loss.
        twice: whether the gradient is differentiated again, in the direction of its signs.
    """
    before = python_state(network)
    tensors = [value for value in state_of_modules(network) if isinstance(value, Tensor)]
    tensors += network.parameters()
    versions = _versions_elsewhere(before, batch.inputs.device)
    kept = [tensor.detach().clone() for tensor in tensors]
    kernels, found = small_network_kernels(batch.inputs.device, twice=twice), []
    for _ in range(2):
        _restore(tensors, kept)
        with kernels, Reads() as reads:
            results = _pass(network, batch, task, twice=twice)
        if reads.found:
            return "it asks a tensor for its values"
        if not same_state(before, python_state(network)):
            return "it changes variables of Python"
        if versions != _versions_elsewhere(before, batch.inputs.device):
            return "it changes tensors of another device"
        found.append([tensor.detach().clone() for tensor in (*results, *tensors)])
    if len(found[0]) == len(found[1]) and all(map(_same_bits, *found)):
        return ""
    return "two passes from the same state differ"


def _versions_elsewhere(state: Sequence[Any], device: torch.device) -> list[int]:
    """How often tensors on other devices were changed in place, which a graph would not repeat."""
    tensors = [value for value in state if isinstance(value, Tensor)]
    return [tensor._version for tensor in tensors if tensor.device != device]


def _pass(network: nn.Module, batch: Samples, task: Task, *, twice: bool) -> list[Tensor]:
    """The outputs, the gradient, and a product with the Hessian."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    dtype = next(network.parameters()).dtype
    with torch.enable_grad():
        outputs = task.outputs(network, batch, dtype)
        loss = task.loss(outputs, batch)
        if not loss.requires_grad:
            return [outputs]
        gradient = _gradient([loss], parameters, None, again=twice)
        parts = [part for part in gradient if part.requires_grad]
        if not twice or not parts:
            return [outputs, *gradient]
        directions = [part.detach().sign() for part in parts]
        return [outputs, *gradient, *_gradient(parts, parameters, directions, again=False)]


def _gradient(
    outputs: Sequence[Tensor],
    parameters: Sequence[Tensor],
    along: Sequence[Tensor] | None,
    *,
    again: bool,
) -> tuple[Tensor, ...]:
    return torch.autograd.grad(
        outputs, parameters, along, create_graph=again, materialize_grads=True
    )


@torch.no_grad()
def _restore(tensors: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    """Give tensors their former values, in place."""
    for tensor, value in zip(tensors, kept):
        if not torch.equal(tensor, value):
            tensor.copy_(value)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    raw = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other)]
    return torch.equal(*raw)
