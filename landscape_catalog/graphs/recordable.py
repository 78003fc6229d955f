"""Which networks may be recorded: those that do the same at every call, without asking a tensor."""

from __future__ import annotations

from torch import nn
from torch.nn.modules import module as torch_modules

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs.batching import stable_graph
from landscape_catalog.graphs.notices import reason
from landscape_catalog.graphs.passes import why_passes_differ
from landscape_catalog.graphs.trace import ATTEMPTS, Draws
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.tasks.classification import Classification

OTHER_TASK = "its task is not the built-in classification"


def why_not_recorded(network: nn.Module, batch: Samples, task: Task, *, twice: bool = False) -> str:
    """Why steps may not be recorded as a CUDA graph (`graphs.recorded`); empty if they may.

    They may if the network can be traced, so that nothing branches on values that depend on the
    input or draws random numbers, and if the task is built-in classification, whose outputs have
    the same shapes at every step. Passes must also change nothing but tensors in place, and ask no
    tensor for its values: a graph repeats neither Python's part of a pass (a counter, a buffer that
    is replaced, a factor that decays) nor what followed from an answer (a momentum of `None`, for
    which batch norm counts its batches). So two forward and backward passes from the same state are
    watched, and must give the same bits. Networks with hooks of any kind are not recorded, since
    these cannot be tried without calling them.

    Not found is Python's state that the two passes leave as it is or that lies elsewhere: an object
    of a user's class that a Python module holds, variables of further modules, a file, the time;
    and what begins only later because of it. Hooks of autograd's nodes are not found either.

    Args:
        network: in the mode of its steps; not modified, and neither are the random generators.
        batch: samples of a step.
        task: how the network is called.
        twice: whether second derivatives are recorded.

    Raises:
        Exception: if memory lacks for a step.
    """
    if type(task) is not Classification:
        return OTHER_TASK
    if _has_gradient_hooks(network):
        return "it has hooks"
    network = copied(network)
    if stable_graph(network, batch, task, len(batch)) is None:
        return "its computation cannot be traced"
    for _ in range(ATTEMPTS):
        try:
            with Draws(batch.inputs.device) as draws:
                why = why_passes_differ(copied(network), batch, task, twice=twice)
        except Exception as error:  # of a user's code
            if is_out_of_memory(error):
                raise
            return reason(error)
        if not draws.found:
            return why
    return "it draws random numbers"


def _has_gradient_hooks(network: nn.Module) -> bool:
    """Whether a hook of the network or of all networks sees gradients, or would after a pass."""
    if torch_modules._has_any_global_hook():
        return True
    tensors = (*network.parameters(), *network.buffers())
    return any(m._backward_hooks or m._backward_pre_hooks for m in network.modules()) or any(
        tensor._backward_hooks or tensor._post_accumulate_grad_hooks for tensor in tensors
    )
