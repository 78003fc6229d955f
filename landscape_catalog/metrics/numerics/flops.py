"""Multiply-adds of a forward pass, counted rather than derived, so that any network is covered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task

FLOPS_PER_MULTIPLY_ADD = 2
SAMPLES = 2  # more than one, for networks that normalise over the batch


@dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds of one forward pass of one sample.

    Attributes:
        count: None if the network could not be run.
        reason: why it is None; "" if it is not.
    """

    count: int | None
    reason: str = ""


def count_multiply_adds(network: nn.Module, samples: Samples, task: Task) -> MultiplyAdds:
    """Multiply-adds of `task.outputs` per sample, in convolutions and matrix products.

    As in `models.registry.multiply_adds`, norms, activations, pooling, embeddings and additions are
    not counted. If a task runs the network several times or differentiates it in forward mode, all
    of this is counted. Operations for which torch's counter has no formula, such as fused recurrent
    layers, count as 0.

    Only shapes matter, so the network runs on meta tensors, which hold no values and cost no time.
    If it reads values (translation trims padding), it runs on the CPU. Random state is restored.

    Args:
        network: not modified; a copy is run in eval mode.
        samples: at least one; two are used.
        task: how the network is called.
    """
    first_samples = samples[:SAMPLES]
    reason = ""
    for device in ("meta", "cpu"):
        try:
            return MultiplyAdds(_counted(network, first_samples, task, device))
        except (Exception, SystemExit) as error:  # whatever a user's code does on such tensors
            reason = f"{type(error).__name__}: {error}"
    return MultiplyAdds(None, reason)


def _counted(network: nn.Module, samples: Samples, task: Task, device: str) -> int:
    network = copied(network).to(device).eval()
    dtype = next(network.parameters()).dtype
    batch = samples.to(device)
    with torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counter:
        task.outputs(network, batch, dtype)
    return round(counter.get_total_flops() / FLOPS_PER_MULTIPLY_ADD / len(batch))
